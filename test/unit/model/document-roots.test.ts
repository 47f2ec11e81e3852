import { describe, expect, test } from 'vitest'

import { assertDocumentRoot, type DocumentRoots } from '../../../src/model/document-roots.ts'

const guarded = ['/home/sync', '/srv/site-sync/config.json', '/keys/drive.json']
const on = (more: Partial<DocumentRoots> = {}): DocumentRoots => ({ guarded, platform: 'linux', ...more })
const refused = (root: string, roots: DocumentRoots): string | undefined => {
  try {
    assertDocumentRoot(root, roots)
    return undefined
  } catch (error) {
    expect(error).toMatchObject({ code: 'BAD_ROOT', message: expect.stringContaining('"publish_roots"') as string })
    return (error as Error).message
  }
}

describe('without publish_roots', () => {
  test.each(['/mnt/projects', '/srv/productions', '/data', '/home/sync/projects', '/tmp/stage', '/opt/studio', '/keys2'])(
    '%s serves',
    (root) => {
      expect(refused(root, on())).toBeUndefined()
    },
  )

  test.each([
    '/',
    '//',
    '/mnt/..',
    '/etc',
    '/etc/ssh',
    '/usr/local/share',
    '/proc/self',
    '/var/lib/mongodb',
    '/home',
    '/home/',
    '/home/sync',
    '/home/../home/sync/.',
    '/root',
    '/Users',
    '/srv/site-sync',
    '/srv',
    '/keys',
    'relative/folder',
    '',
  ])('%j does not', (root) => {
    expect(refused(root, on())).toBeDefined()
  })

  test.each(['C:\\', 'C:\\Windows\\System32', 'C:\\Users', 'C:/Users/', 'projects'])('on Windows %j does not', (root) => {
    expect(refused(root, on({ platform: 'win32', guarded: [] }))).toBeDefined()
  })

  test('on Windows a drive for productions serves', () => {
    expect(refused('P:\\projects', on({ platform: 'win32', guarded: [] }))).toBeUndefined()
  })
})

describe('with publish_roots', () => {
  const allowed = ['/mnt/projects', '/srv/']

  test.each(['/mnt/projects', '/mnt/projects/show', '/srv', '/srv/site-sync'])('%s serves', (root) => {
    expect(refused(root, on({ allowed }))).toBeUndefined()
  })

  test.each(['/mnt', '/mnt/projects2', '/mnt/projects/../secret', '/data', '/'])('%s does not', (root) => {
    expect(refused(root, on({ allowed }))).toContain('"publish_roots"')
  })
})
