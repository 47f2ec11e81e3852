import { Writable } from 'node:stream'

import { describe, expect, test } from 'vitest'

import { createLogger } from '../../../src/logging.ts'
import { DescriptorDestination, type Destination } from '../../../src/logging/destination.ts'
import { Output } from '../../../src/logging/output.ts'
import { parseLog } from '../../support/log-schema.ts'
import { settle } from '../../support/fake-clock.ts'
import { waitFor } from '../../support/wait-for.ts'

const MEBIBYTE = 1 << 20

/** Has room for what it is given room for. */
class Pipe implements Destination {
  readonly isTerminal = false
  readonly isCostly = true
  room = 0
  isBroken = false
  readonly #taken: Buffer[] = []
  #again: (() => void) | undefined

  get taken(): string {
    return Buffer.concat(this.#taken).toString()
  }

  take(bytes: Buffer): number {
    if (this.isBroken) throw new Error('write EPIPE')
    const count = Math.min(this.room, bytes.length)
    this.room -= count
    this.#taken.push(bytes.subarray(0, count))
    return count
  }

  whenReady(again: () => void): void {
    this.#again = again
  }

  whenEmpty(done: () => void): void {
    done()
  }

  read(bytes: number): void {
    this.room += bytes
    this.#again?.()
  }
}

function rig() {
  const pipe = new Pipe()
  const output: Output = new Output(pipe, (lines) => output.write(`${lines} dropped\n`), MEBIBYTE)
  return { pipe, output }
}

describe('what is not taken', () => {
  test('waits, and goes on where it was, in order', async () => {
    const { pipe, output } = rig()
    pipe.room = 4
    for (const line of ['žluť\n', 'two\n', 'three\n']) output.write(line)
    await settle()
    expect(pipe.taken).toBe('žlu')
    for (let n = 0; n < 20; n++) pipe.read(1)
    expect(pipe.taken).toBe('žluť\ntwo\nthree\n')
  })

  test('waits up to a limit; the rest is dropped, counted, and told of where it is missing', () => {
    const { pipe, output } = rig()
    const line = `${'x'.repeat(1_023)}\n`
    for (let n = 0; n < 1_500; n++) output.write(line)
    // Nothing stands behind the gap, be it ever so short.
    output.write('short\n')
    pipe.read(MEBIBYTE)
    output.write('later\n')
    pipe.read(MEBIBYTE)
    expect(pipe.taken).toBe(`${line.repeat(1_024)}${1_500 - 1_024 + 1} dropped\nlater\n`)
  })

  test('is told of again when it happens again', async () => {
    const { pipe, output } = rig()
    const line = `${'x'.repeat(MEBIBYTE / 2)}\n`
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 4; n++) output.write(line)
      await settle()
      pipe.read(4 * MEBIBYTE)
      await settle()
      pipe.room = 0
    }
    expect(pipe.taken.match(/\d+ dropped/g)).toEqual(Array.from({ length: 3 }, () => '3 dropped'))
  })

  test('may be a single line that is longer than the limit', async () => {
    const { pipe, output } = rig()
    output.write('x'.repeat(2 * MEBIBYTE))
    await settle()
    pipe.read(2 * MEBIBYTE)
    expect(pipe.taken).toHaveLength(2 * MEBIBYTE)
  })

  test('is forgotten when nobody will ever take it', async () => {
    const { pipe, output } = rig()
    output.write('one\n')
    await settle()
    pipe.isBroken = true
    pipe.read(10)
    expect(output.isGone).toBe(true)
    output.write('two\n')
    await output.flush(60_000)
    expect(pipe.taken).toBe('')
  })
})

test('lines of one turn share a call to the system, up to what a pipe takes', async () => {
  const sizes: number[] = []
  const write = (_fd: number, bytes: Buffer): number => {
    sizes.push(bytes.length)
    return bytes.length
  }
  const output = new Output(new DescriptorDestination(1, { write: write as never }), () => undefined)
  const line = `${'x'.repeat(999)}\n`
  for (let n = 0; n < 100; n++) output.write(line)
  await settle()
  expect(sizes).toEqual([65_000, 35_000])
  output.write(line)
  await output.flush(60_000)
  expect(sizes).toEqual([65_000, 35_000, 1_000])
})

describe('a flush', () => {
  test('ends when everything is taken', async () => {
    const { pipe, output } = rig()
    output.write('one\n')
    const flushed = output.flush(60_000)
    pipe.read(10)
    await flushed
    expect(pipe.taken).toBe('one\n')
  })

  test('ends when its time is over', async () => {
    const { output } = rig()
    output.write('one\n')
    await output.flush(5)
    expect(output.isGone).toBe(false)
  })
})

/** Fails as often as it is told to, then takes everything. */
function descriptor(codes: readonly string[], isTerminal = false) {
  const left = [...codes]
  let written = ''
  const write = (_fd: number, bytes: Buffer): number => {
    const code = left.shift()
    if (code !== undefined) throw Object.assign(new Error(`${code}: write`), { code })
    written += bytes.toString()
    return bytes.length
  }
  const destination = new DescriptorDestination(1, { isTerminal, write: write as never })
  const output = new Output(destination, () => undefined)
  return { output, written: () => written }
}

describe('a file, a pipe or a terminal', () => {
  test.each(['EAGAIN', 'ENOSPC', 'EDQUOT', 'EFBIG', 'EINTR'])('that has no room for now (%s) gets the same lines later', async (code) => {
    const { output, written } = descriptor([code, code, code])
    output.write('one\n')
    output.write('two\n')
    await settle()
    expect(written()).toBe('')
    await waitFor('both lines', () => written() === 'one\ntwo\n')
    output.write('three\n')
    await settle()
    expect(written()).toBe('one\ntwo\nthree\n')
  })

  test.each([
    ['EPIPE', false],
    ['EBADF', false],
    ['EIO', true],
  ])('that nobody will read again (%s) gets nothing more', async (code, isTerminal) => {
    const { output, written } = descriptor([code], isTerminal)
    output.write('one\n')
    await settle()
    expect(output.isGone).toBe(true)
    output.write('two\n')
    await output.flush(60_000)
    expect(written()).toBe('')
  })

  test('on a disk with a fault is tried again', async () => {
    const { output, written } = descriptor(['EIO'])
    output.write('one\n')
    await waitFor('the line', () => written() !== '')
    expect(written()).toBe('one\n')
  })
})

test.each(['info', 'error'] as const)('a log whose lines are dropped says how many, at level %s too', async (level) => {
  let release: (() => void) | undefined
  let written = ''
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      written += chunk.toString()
      if (release) done()
      else release = done
    },
  })
  const logger = createLogger({ stream, level })
  const path = 'x'.repeat(4_000)
  for (let n = 0; n < 2_000; n++) logger.event('transfer.failed', { path })
  // The logger itself takes its time over so many lines.
  await waitFor('the first line', () => release)
  for (let turns = 0; turns < 100; turns++) await new Promise((resolve) => setImmediate(resolve))
  release?.()
  await logger.close()
  const lines = parseLog(written)
  const gaps = lines.filter(({ event }) => event.action === 'log.dropped')
  expect(gaps).toHaveLength(1)
  expect(Number(gaps[0]?.site_sync?.['lines']) + lines.length - 1).toBe(2_000)
  expect(gaps[0]?.message).toContain('lines are missing here')
})
