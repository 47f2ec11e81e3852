import { expect, test } from 'vitest'

import { load } from './support.ts'

test.each<[string, Record<string, unknown>, NodeJS.ProcessEnv, boolean]>([
  ['nobody names the database', {}, {}, false],
  ['an empty uri names none', { uri: '' }, { AVALON_MONGO: '' }, false],
  ['the file does', { uri: 'mongodb://127.0.0.1:27017' }, {}, true],
  ['the environment does', {}, { OPENPYPE_MONGO: 'mongodb://three' }, true],
])('%s', async (_, mongo, env, isMongoNamed) => {
  expect(await load({ mongo }, { env })).toMatchObject({ isMongoNamed })
})
