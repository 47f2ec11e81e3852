import { expect, onTestFinished, test } from 'vitest'

import { RecordFeed, type RecordNews } from '../../src/service/record-feed.ts'
import { ownDatabase } from '../support/mongo.ts'
import { wanted } from '../support/published.ts'
import { PROJECT } from '../support/service-harness.ts'
import { waitFor } from '../support/wait-for.ts'

const REST_MS = 100

test('changes that follow each other are told by an answer each tenth of a second, and all are told', async () => {
  const { client, db } = await ownDatabase({ monitorCommands: true })
  const feed = new RecordFeed({ stream: client }, db.databaseName)
  onTestFinished(() => feed[Symbol.dispose]())
  let asked = 0
  client.on('commandStarted', ({ commandName }) => (asked += commandName === 'getMore' ? 1 : 0))
  const told: RecordNews[] = []
  const following = feed.follow((news) => told.push(news))
  await following.opened
  const publish = async () => {
    const document = wanted('{root[work]}/a')
    await db.collection(PROJECT).insertOne(document, { writeConcern: { w: 'majority' } })
    return String(document._id)
  }
  const ids = () => told.flatMap((news) => (news.kind === 'document' ? [String(news.representationId)] : []))
  const published = [await publish()]
  await waitFor('the first', () => ids().length === 1)

  const [since, before] = [performance.now(), asked]
  for (let n = 0; n < 30; n++) published.push(await publish())
  await waitFor('all', () => ids().length === published.length)
  expect(ids()).toEqual(published)
  // A timer may be a millisecond early.
  expect(asked - before).toBeLessThanOrEqual((performance.now() - since) / (REST_MS - 2) + 2)
  following.end()
})
