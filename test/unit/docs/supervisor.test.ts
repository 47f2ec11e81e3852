import { readFile } from 'node:fs/promises'

import { expect, test } from 'vitest'

import { load } from '../config/support.ts'

const text = async (file: string): Promise<string> => readFile(new URL(`../../../${file}`, import.meta.url), 'utf8')

/** Of a unit: the last value of each setting. */
function settingsOf(unit: string): ReadonlyMap<string, string> {
  return new Map([...unit.matchAll(/^(\w+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]))
}

test('the unit starts Node itself, with the options of the program, and leaves time for what runs', async () => {
  const unit = settingsOf(await text('examples/site-sync.service'))
  const [, options = ''] = /^#!.* node (.*)$/m.exec(await text('src/main.ts')) ?? []
  expect(options).toMatch(/^--/)
  expect(unit.get('ExecStart')).toMatch(new RegExp(`^/\\S+/node ${options} \\S+/dist/main\\.js run --config `))
  const { settings } = await load('{}')
  expect(Number(unit.get('TimeoutStopSec'))).toBeGreaterThan(settings.shutdownGraceSeconds)
})

test('the unit keeps secrets out of arguments, environment and core dumps', async () => {
  const unit = settingsOf(await text('examples/site-sync.service'))
  expect(unit.get('LimitCORE')).toBe('0')
  expect(unit.get('NoNewPrivileges')).toBe('yes')
  expect(unit.get('LoadCredential')).toMatch(/^mongo-uri:/)
  expect(unit.get('Environment')).toBe('SITE_SYNC_MONGO_URI_FILE=%d/mongo-uri')
  expect([...unit.values()].filter((value) => value.includes('mongodb://'))).toEqual([])
  // V8 makes machine code.
  expect(unit.has('MemoryDenyWriteExecute')).toBe(false)
})
