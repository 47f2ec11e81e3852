import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import type { RepresentationDocument } from '../../../src/model/document.ts'
import { pendingTransfers } from '../../../src/model/pending-transfers.ts'
import type { ProjectSettings } from '../../../src/model/settings.ts'
import { examine } from '../../../src/model/verdict.ts'
import { anyDocument, anyProject, deepFreeze, siteName } from '../../support/model-samples.ts'

const broken = fc.array(siteName, { maxLength: 2 }).map((names) => new Map(names.map((name) => [name, 'broken'])))
const anything = fc.tuple(anyDocument, anyProject, broken)

/** By the marks that the driver's types bear, not by prototypes. */
function isObject(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' && value !== null && Object.prototype.toString.call(value) === '[object Object]' && !('_bsontype' in value)
  )
}

/** A date that JavaScript can't say would be sent back as another one. */
const isLost = (id: unknown): boolean => id instanceof Date && Number.isNaN(id.getTime())

/** The contract, read aloud: which file is in which state at which site. */
function oracle(document: RepresentationDocument, settings: ProjectSettings, misconfigured: ReadonlyMap<string, unknown>): unknown[] {
  const found: unknown[] = []
  const isOff = !settings.enabled || settings.remoteSite === '' || settings.remoteSite === settings.publishSite
  const { publishSite, localId, sites } = settings
  const own = [publishSite, localId]
  if (
    isOff ||
    [...sites.keys()].every((name) => name === publishSite) ||
    document.type !== 'representation' ||
    !Array.isArray(document.files) ||
    isLost(document._id)
  )
    return found
  for (const file of document.files as unknown[]) {
    if (!isObject(file) || file['_id'] === undefined || file['_id'] === null || typeof file['path'] !== 'string') continue
    if (isLost(file['_id'])) continue
    const records = recordsOf(file['sites'])
    if (records.length === 0) continue
    const isOpenAt = (site: string): boolean => records.some(([name, record]) => name === site && !isThere(record))
    const ownTargets = [...sites.keys()].filter((site) => own.includes(site) && isOpenAt(site))
    for (const site of [...[...sites.keys()].filter((name) => !own.includes(name)), ...ownTargets]) {
      const mine = records.filter(([name]) => name === site).map(([, record]) => record)
      const isReadable = (name: string): boolean =>
        name !== site && (name === publishSite || (sites.has(name) && (own.includes(name) || !misconfigured.has(name))))
      const isSomewhere = records.some(([name, record]) => isThere(record) && isReadable(name))
      const mayBeOnDisk = !own.includes(site) && !records.some(([name]) => name === publishSite)
      found.push([file['path'], site, stateOf(mine, isSomewhere || mayBeOnDisk, settings.retryCount, misconfigured.has(site))])
    }
  }
  return found
}

function recordsOf(sites: unknown): [string, Record<string, unknown>][] {
  if (Array.isArray(sites)) {
    return (sites as unknown[])
      .filter((record): record is Record<string, unknown> => isObject(record) && typeof record['name'] === 'string')
      .map((record) => [record['name'] as string, record])
  }
  if (!isObject(sites)) return []
  return Object.keys(sites).flatMap((name) => {
    const record = sites[name]
    return isObject(record) ? [[name, record] as [string, Record<string, unknown>]] : []
  })
}

const isThere = (record: Record<string, unknown>): boolean => (record['created_dt'] ?? null) !== null

function stateOf(mine: Record<string, unknown>[], hasSource: boolean, retryCount: number, isBroken: boolean): string {
  if (mine.length === 0) return 'no-record'
  const open = mine.filter((record) => !isThere(record))
  const [first] = open
  if (!first) return 'synced'
  const triesLeft = (record: Record<string, unknown>): boolean => {
    const tries = record['tries'] ?? 0
    // Fewer than none are none.
    return typeof tries === 'number' && Number.isFinite(tries) && Math.max(0, tries) < retryCount
  }
  if (open.some((record) => record['paused'] !== true && triesLeft(record))) {
    if (isBroken) return 'misconfigured'
    return hasSource ? 'pending' : 'no-source'
  }
  if (first['paused'] === true) return 'paused'
  const tries = first['tries'] ?? 0
  return typeof tries === 'number' && Number.isFinite(tries) ? 'exhausted' : 'bad-tries'
}

test('whatever the document: nothing is thrown, and each file and site is judged as the contract says', () => {
  fc.assert(
    fc.property(anything, ([document, settings, misconfigured]) => {
      const { verdicts } = examine(document, 'PRJ', settings, misconfigured)
      expect(verdicts.map(({ path, site, state }) => [path, site, state])).toEqual(oracle(document, settings, misconfigured))
    }),
    { numRuns: 2_000 },
  )
})

test('the document is never touched', () => {
  fc.assert(
    fc.property(anything, ([document, settings, misconfigured]) => {
      expect(() => pendingTransfers(deepFreeze(document), 'PRJ', settings, misconfigured)).not.toThrow()
    }),
    { numRuns: 500 },
  )
})

test('the same document and settings give the same plan', () => {
  fc.assert(
    fc.property(anything, ([document, settings, misconfigured]) => {
      expect(pendingTransfers(document, 'PRJ', settings, misconfigured)).toEqual(pendingTransfers(document, 'PRJ', settings, misconfigured))
    }),
    { numRuns: 500 },
  )
})

const said = (of: readonly { path: string; site: string }[]): string[] => of.map(({ path, site }) => JSON.stringify([path, site]))

test('there is a transfer for each pending file and site, and for nothing else', () => {
  fc.assert(
    fc.property(anything, ([document, settings, misconfigured]) => {
      const { transfers, verdicts } = pendingTransfers(document, 'PRJ', settings, misconfigured)
      const pending = verdicts.filter(({ state }) => state === 'pending')
      expect(said(transfers).toSorted()).toEqual(said(pending).toSorted())
      for (const { site, tries, priority, route } of transfers) {
        expect(settings.sites.has(site)).toBe(true)
        expect(tries).toBeLessThan(settings.retryCount)
        expect(priority).toBeGreaterThanOrEqual(1)
        expect(priority).toBeLessThanOrEqual(1_000)
        expect('target' in route ? route.target.path.split('/') : []).not.toContain('..')
      }
    }),
    { numRuns: 1_000 },
  )
})

test('what can not be read is named as a line of text, and never more than a few lines a file', () => {
  fc.assert(
    fc.property(anything, ([document, settings, misconfigured]) => {
      const { unreadable } = examine(document, 'PRJ', settings, misconfigured)
      for (const remark of unreadable) expect(remark).toMatch(/^(files|its _id)/)
    }),
    { numRuns: 500 },
  )
})
