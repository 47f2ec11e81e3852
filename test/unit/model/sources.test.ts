import { describe, expect, test } from 'vitest'

import type { ProjectSettings } from '../../../src/model/settings.ts'
import { fromUsable, isSameCopy, sourcesIn, type Transfer } from '../../../src/model/transfer.ts'
import { examine } from '../../../src/model/verdict.ts'
import { CREATED, documentOf, fileOf, projectOf, siteOf, sitesOf } from '../../support/model-samples.ts'

const there = (name: string) => ({ name, created_dt: CREATED })
const wanted = (name: string) => ({ name })
const all = projectOf({
  localId: 'home',
  sites: sitesOf(siteOf('studio'), siteOf('home'), siteOf('gdrive'), siteOf('nas'), siteOf('sftp')),
})

function transferTo(target: string, sites: unknown, settings: Partial<ProjectSettings> = {}, broken: readonly string[] = []) {
  const misconfigured = new Map(broken.map((name) => [name, 'broken']))
  const { verdicts } = examine(documentOf([fileOf(sites)]), 'PRJ', { ...all, ...settings }, misconfigured)
  return verdicts.find(({ site }) => site === target)
}

function namesOf(transfer: Transfer | undefined): string[] {
  const { route } = transfer ?? {}
  return route && 'source' in route
    ? sourcesIn(route).map(({ sourceSite, isSaid }) => (isSaid === true ? sourceSite.name : `${sourceSite.name}?`))
    : []
}

describe('where a file comes from', () => {
  test.each<[string, string, object[], string[]]>([
    ['the publish site comes first', 'sftp', [there('nas'), there('studio'), wanted('sftp')], ['studio', 'nas']],
    ['then the site of this machine', 'sftp', [there('nas'), there('home'), wanted('studio'), wanted('sftp')], ['home', 'nas']],
    ['then others as they are configured', 'sftp', [there('nas'), wanted('studio'), there('gdrive'), wanted('sftp')], ['gdrive', 'nas']],
    ['without a record of the publish site its disk is looked at', 'sftp', [there('nas'), wanted('sftp')], ['studio?', 'nas']],
    ['the publish site asks: a download', 'studio', [wanted('studio'), there('gdrive')], ['gdrive']],
    ['this machine asks', 'home', [there('studio'), wanted('home'), there('gdrive')], ['studio', 'gdrive']],
    ['for an own site no disk is looked at', 'home', [wanted('home'), there('gdrive')], ['gdrive']],
    ['between two remote sites', 'nas', [wanted('studio'), there('gdrive'), wanted('nas')], ['gdrive']],
    ['a record that asks is no source', 'nas', [wanted('studio'), wanted('gdrive'), wanted('nas')], []],
    ['nor is a site that only the document names', 'nas', [wanted('studio'), there('ghost'), wanted('nas')], []],
  ])('%s', (_title, target, sites, sources) => {
    const verdict = transferTo(target, sites)
    expect(namesOf(verdict?.transfer)).toEqual(sources)
    expect(verdict?.state).toBe(sources.length === 0 ? 'no-source' : 'pending')
  })

  test('"sources" says which others come first', () => {
    const sites = [wanted('studio'), there('gdrive'), there('nas'), wanted('sftp')]
    expect(namesOf(transferTo('sftp', sites, { sources: ['nas', 'nowhere'] })?.transfer)).toEqual(['nas', 'gdrive'])
  })

  test('a site that can not be used is none', () => {
    expect(
      namesOf(transferTo('sftp', [wanted('studio'), there('gdrive'), there('nas'), wanted('sftp')], {}, ['gdrive'])?.transfer),
    ).toEqual(['nas'])
  })

  test('one whose root does not fit the path is left out while another has the file', () => {
    const sites = sitesOf(siteOf('studio', { root: new Map([['render', '/r']]) }), siteOf('gdrive'), siteOf('nas'))
    const both = transferTo('nas', [there('studio'), there('gdrive'), wanted('nas')], { sites })
    expect(namesOf(both?.transfer)).toEqual(['gdrive'])
    const alone = transferTo('nas', [there('studio'), wanted('nas')], { sites })
    expect(alone?.transfer?.route).toMatchObject({ error: { code: 'BAD_ROOT' } })
  })

  test('case 30: neither has it, though the file beside it is complete', () => {
    const files = [fileOf([wanted('studio'), wanted('gdrive')], { _id: 1 }), fileOf([there('studio'), there('gdrive')], { _id: 2 })]
    const { verdicts } = examine(documentOf(files), 'PRJ', all, new Map())
    expect(verdicts.filter(({ transfer }) => transfer)).toEqual([])
    expect(verdicts.filter(({ fileId }) => fileId === 1).map(({ site, state }) => [site, state])).toContainEqual(['studio', 'no-source'])
  })

  test('the priority that people set where the file is counts', () => {
    const verdict = transferTo('nas', [wanted('studio'), { ...there('gdrive'), priority: 90 }, wanted('nas')])
    expect(verdict?.transfer?.priority).toBe(90)
  })

  test('who waits for a file of the same document is known: it is looked at again when that has arrived', () => {
    const settings = { sources: [], sites: sitesOf(siteOf('studio'), siteOf('gdrive'), siteOf('nas')) }
    expect(transferTo('gdrive', [there('studio'), wanted('gdrive'), wanted('nas')], settings)?.transfer?.isAwaited).toBeUndefined()
    // Only the disk of the publish site may have it, which is no source for this machine.
    expect(transferTo('gdrive', [wanted('home'), wanted('gdrive')])?.transfer?.isAwaited).toBe(true)
  })
})

const idOf = ({ route }: Transfer) => ('error' in route ? 'none' : [route.sourceSite.name, route.id])

test('a source has the id that its record says, and no other', () => {
  const transfer = transferTo('sftp', [
    wanted('studio'),
    { ...there('gdrive'), id: 'of gdrive' },
    { ...there('nas'), id: 7 },
    wanted('sftp'),
  ])?.transfer as Transfer
  expect(idOf(transfer)).toEqual(['gdrive', 'of gdrive'])
  expect(idOf(fromUsable(transfer, ({ sourceSite }) => sourceSite.name === 'nas'))).toEqual(['nas', undefined])
})

describe('a source is chosen when the transfer begins', () => {
  const transfer = transferTo('sftp', [there('studio'), there('gdrive'), there('nas'), wanted('sftp')])?.transfer as Transfer

  test('the first that can be used, with the others behind it', () => {
    expect(namesOf(fromUsable(transfer, ({ sourceSite }) => sourceSite.name === 'nas'))).toEqual(['nas', 'studio', 'gdrive'])
    expect(fromUsable(transfer, () => true)).toBe(transfer)
    expect(fromUsable(transfer, () => false)).toBe(transfer)
  })

  test('it stays the same copy as long as its document names that source', () => {
    const fromNas = fromUsable(transfer, ({ sourceSite }) => sourceSite.name === 'nas')
    expect(isSameCopy(fromNas, transfer)).toBe(true)
    const without = transferTo('sftp', [there('studio'), there('gdrive'), wanted('sftp')])?.transfer as Transfer
    expect(isSameCopy(fromNas, without)).toBe(false)
  })
})
