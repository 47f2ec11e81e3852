import { expect, test } from 'vitest'

import { pageLink, pageText } from '../../../src/service/page-link.ts'

const at = (host: string, page?: string) => ({ host, ...(page !== undefined && { page }) })
const PAGE = 'http://127.0.0.1:8787/'

test('the page of this machine first, then any; none where none is served', () => {
  expect(pageLink([at('a'), at('b')], undefined, 'a')).toBeUndefined()
  expect(pageLink([at('a', PAGE), at('b', 'http://127.0.0.1:9/')], undefined, 'b')).toEqual({ url: 'http://127.0.0.1:9/', host: 'b' })
  const elsewhere = pageLink([at('a', PAGE)], undefined, 'b')
  expect([elsewhere && pageText(elsewhere, 'b'), elsewhere && pageText(elsewhere, 'a')]).toEqual([`${PAGE} (on a)`, PAGE])
})

test('an address that is every address of a machine is given its name', () => {
  expect(pageLink([at('render-01', 'https://0.0.0.0:8787/')], undefined, 'x')?.url).toBe('https://render-01:8787/')
  expect(pageLink([at('render-01', 'https://[::]:8787/')], undefined, 'x')?.url).toBe('https://render-01:8787/')
})

test('it leads to the row of a representation, whatever its project is called', () => {
  const link = pageLink([at('a', PAGE)], { project: 'a/b c', id: '65a0c1d2e3f4a5b6c7d8e9f0' }, 'a')
  expect(new URL(link?.url ?? '').searchParams.get('open')).toBe('a%2Fb%20c/65a0c1d2e3f4a5b6c7d8e9f0')
})
