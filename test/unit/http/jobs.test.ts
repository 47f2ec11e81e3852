import { expect, test } from 'vitest'

import { Jobs } from '../../../src/http/jobs.ts'
import { HttpProblem } from '../../../src/http/problem.ts'
import { waitFor } from '../../support/wait-for.ts'

const OF = { action: 'retry', who: 'anna' }

test('what ends soon is answered with its result, or its fault', async () => {
  const jobs = new Jobs()
  expect(await jobs.run(OF, false, async () => await Promise.resolve({ records: 1 }))).toEqual({ result: { records: 1 } })
  await expect(jobs.run(OF, false, async () => await Promise.reject(new Error('no')))).rejects.toThrow('no')
})

test('what takes longer is a job, which says how far it is and what came of it', async () => {
  const jobs = new Jobs()
  const { promise, resolve } = Promise.withResolvers<object>()
  const answer = await jobs.run(OF, false, async (tell) => {
    tell({ looked: 5 })
    return await promise
  })
  if (!('job' in answer)) throw new Error('it was waited for')
  const { id } = answer.job
  expect(jobs.find(id)).toMatchObject({ ...OF, state: 'running', progress: { looked: 5 } })
  resolve({ records: 7 })
  await waitFor('its end', () => jobs.find(id)?.state === 'done')
  expect(jobs.find(id)?.result).toEqual({ records: 7 })
})

test('a job that nobody waits for may fail; no more than eight run at once', async () => {
  const jobs = new Jobs()
  const { promise, reject } = Promise.withResolvers<object>()
  const answers = []
  for (let n = 0; n < 8; n++) answers.push(await jobs.run(OF, true, async () => await promise))
  await expect(jobs.run(OF, true, async () => await promise)).rejects.toThrow(HttpProblem)
  reject(new Error('the database is gone'))
  await jobs[Symbol.asyncDispose]()
  const [first] = answers
  await waitFor('its end', () => first && 'job' in first && jobs.find(first.job.id)?.error === 'the database is gone')
})
