import type { BenchServer } from './bench-server.ts'
import type { BenchService } from './bench-service.ts'
import { cpuSecondsOf } from './cpu-time.ts'

/** Those of the service; what any client says to keep its connection is left out. */
const COUNTED = ['find', 'getMore', 'aggregate', 'findAndModify', 'update', 'delete', 'bulkWrite', 'insert']

/** What files cost besides time: commands to the server, and the processor's time of service and server. */
export class CostPerFile {
  readonly #server: BenchServer
  readonly #service: BenchService
  readonly #before: ReadonlyMap<string, number>

  private constructor(server: BenchServer, service: BenchService, before: ReadonlyMap<string, number>) {
    this.#server = server
    this.#service = service
    this.#before = before
  }

  static async begin(server: BenchServer, service: BenchService): Promise<CostPerFile> {
    return new CostPerFile(server, service, await costs(server, service))
  }

  /** In words, for so many files since it was begun; the few inserts of the publisher are among the commands. */
  async end(files: number): Promise<string> {
    const after = await costs(this.#server, this.#service)
    const each = (name: string): number => ((after.get(name) ?? 0) - (this.#before.get(name) ?? 0)) / files
    const all = COUNTED.reduce((sum, name) => sum + each(name), 0)
    const parts = COUNTED.filter((name) => each(name) >= 0.005).map((name) => `\`${name}\` ${each(name).toFixed(2)}`)
    const cpu = `${(each('service') * 1_000).toFixed(2)} ms of the processor in the service and ${(each('mongod') * 1_000).toFixed(2)} ms in mongod`
    return `${all.toFixed(2)} commands to the server (${parts.join(', ')}), ${cpu}`
  }
}

async function costs(server: BenchServer, { program }: BenchService): Promise<ReadonlyMap<string, number>> {
  return new Map([...(await server.commands()), ['service', cpuSecondsOf(program.pid)], ['mongod', cpuSecondsOf(server.pid)]])
}
