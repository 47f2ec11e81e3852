import { EventQueue } from './event-queue.ts'
import { exponential, seededRandom } from './random.ts'
import { Budget, Server } from './server.ts'

/** What a primary spends on one thing that an instance asks of it; processor milliseconds, and bytes of its oplog. */
interface Costs {
  /** An event handed to one change stream, filtered. */
  readonly eventMs: number
  /** A document read, as one of a batch. */
  readonly readMs: number
  /** A lease asked for, as one of a batch, whether or not it is free. */
  readonly claimMs: number
  /** A result written, as one of a batch. */
  readonly resultMs: number
  readonly releaseMs: number
  /** Insert, lease taken, result, lease given back. */
  readonly oplogBytes: number
}

export interface ClusterOptions {
  readonly instances: number
  /** Of the productions' database and of the leases, each with a primary of its own. */
  readonly shards: number
  readonly coresPerPrimary: number
  /** Uploads at once, of each instance. */
  readonly concurrency: number
  /** Until an instance hears of a publish, and of one command there and back. */
  readonly roundTripMs: number
  readonly uploadMs: number
  readonly publishesPerSecond: number
  readonly publishes: number
  /** Of the Drive project: requests a minute; one a file. */
  readonly requestsPerMinute: number
  /**
   * `race`: every instance that hears of a file asks for its lease. `prefer`, as the service does: a hash of place and instance says who
   * asks first; the others hear of the publish and of its result, and one that has a free slot asks when it was not taken for a while.
   */
  readonly strategy: 'race' | 'prefer'
  readonly costs: Costs
  readonly seed: number
}

export interface ClusterResult {
  readonly synced: number
  readonly filesPerSecond: number
  /** From the publish until the result is written. Milliseconds. */
  readonly p50: number
  readonly p99: number
  readonly claimsPerFile: number
  /** Of the busiest primary: 1 is all of its cores. */
  readonly load: number
  readonly oplogMBPerSecond: number
}

interface File {
  readonly publishedAt: number
  readonly shard: Server
  readonly preferred: number
  taken: boolean
}

/** How long a file is left to the instance that is to do it first. */
const LEFT_TO_OTHERS_MS = 1_000

/** A cluster with its instances, from the first publish until the last file is there. */
export function simulate(options: ClusterOptions): ClusterResult {
  const { costs, instances, roundTripMs } = options
  const events = new EventQueue()
  const random = seededRandom(options.seed)
  const shards = Array.from({ length: options.shards }, () => new Server(events, options.coresPerPrimary))
  const drive = new Budget(options.requestsPerMinute / 60)
  const free = Array.from({ length: instances }, () => options.concurrency)
  const queues: File[][] = Array.from({ length: instances }, () => [])
  const latencies: number[] = []
  let claims = 0
  let end = 0

  const ended = (instance: number): void => {
    free[instance] = (free[instance] ?? 0) + 1
    next(instance)
  }
  const upload = (instance: number, file: File): void => {
    const wait = drive.take(events.now, 1)
    events.after(wait + options.uploadMs, () => {
      ended(instance)
      file.shard.ask(costs.resultMs, () => {
        latencies.push(events.now + roundTripMs / 2 - file.publishedAt)
        end = events.now
        // Every instance hears of the result, and looks at the document.
        for (let other = 1; other < instances; other++) file.shard.ask(costs.eventMs + costs.readMs, () => {})
        file.shard.ask(costs.releaseMs, () => {})
      })
    })
  }
  const next = (instance: number): void => {
    while ((free[instance] ?? 0) > 0) {
      const file = queues[instance]?.shift()
      if (!file) return
      free[instance] = (free[instance] ?? 0) - 1
      claims++
      events.after(roundTripMs / 2, () =>
        file.shard.ask(costs.claimMs, () => {
          const isFree = !file.taken
          if (isFree) file.taken = true
          events.after(roundTripMs / 2, () => {
            if (!isFree) return ended(instance)
            // What it read before the claim may be old: it reads again.
            file.shard.ask(costs.readMs, () => upload(instance, file))
          })
        }),
      )
    }
  }
  const hear = (instance: number, file: File): void => {
    file.shard.ask(costs.eventMs + costs.readMs, () => {
      // Somebody's result came with an event of its own meanwhile: nothing to ask for.
      if (file.taken && events.now - file.publishedAt > options.uploadMs + 4 * roundTripMs) return
      queues[instance]?.push(file)
      next(instance)
    })
  }

  let at = 0
  for (let n = 0; n < options.publishes; n++) {
    at += exponential(random, 1_000 / options.publishesPerSecond)
    const shard = shards[Math.floor(random() * shards.length)] as Server
    const file: File = { publishedAt: at, shard, preferred: Math.floor(random() * instances), taken: false }
    if (options.strategy === 'prefer') {
      events.after(at + LEFT_TO_OTHERS_MS, () => {
        if (file.taken) return
        const idle = free.findIndex((slots, instance) => slots > 0 && queues[instance]?.length === 0)
        if (idle >= 0) hear(idle, file)
      })
    }
    for (let instance = 0; instance < instances; instance++) {
      const delay = roundTripMs / 2 + exponential(random, roundTripMs / 4)
      if (options.strategy === 'race' || instance === file.preferred) events.after(at + delay, () => hear(instance, file))
      else events.after(at + delay, () => file.shard.ask(costs.eventMs, () => {}))
    }
  }
  events.run()
  const sorted = Float64Array.from(latencies).sort()
  const seconds = end / 1_000
  return {
    synced: latencies.length,
    filesPerSecond: latencies.length / seconds,
    p50: sorted[Math.floor(sorted.length * 0.5)] ?? Number.NaN,
    p99: sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN,
    claimsPerFile: claims / options.publishes,
    load: Math.max(...shards.map(({ usedMs }) => usedMs)) / end / options.coresPerPrimary,
    oplogMBPerSecond: (latencies.length * costs.oplogBytes) / 1e6 / seconds,
  }
}
