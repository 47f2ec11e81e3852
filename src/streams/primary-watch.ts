import { ServerType, type MongoClient, type TopologyDescription, type TopologyDescriptionChangedEvent } from 'mongodb'

/** Another member is primary than the one that a stream was opened at. */
export class NewPrimary extends Error {
  override readonly name = 'NewPrimary'
}

/**
 * Says when a stream has to be opened at another member. The driver alone would be late. One that died it asks to end the cursor before it
 * opens another, and waits for it as long as it looks for servers. At one that stepped down the cursor lives on, until that one is shut
 * down without an election.
 */
export class PrimaryWatch implements Disposable {
  readonly #client: MongoClient
  readonly #turned: (why: NewPrimary) => void
  /** Where the stream was opened; not known before the set changes. */
  #origin: string | undefined

  constructor(client: MongoClient, turned: (why: NewPrimary) => void) {
    this.#client = client
    this.#turned = turned
    client.on('topologyDescriptionChanged', this.#changed)
  }

  [Symbol.dispose](): void {
    this.#client.off('topologyDescriptionChanged', this.#changed)
  }

  readonly #changed = ({ previousDescription, newDescription }: TopologyDescriptionChangedEvent): void => {
    this.#origin ??= primaryOf(previousDescription)
    const primary = primaryOf(newDescription)
    if (this.#origin === undefined || primary === undefined || primary === this.#origin) return
    this.#turned(new NewPrimary(`${primary} is primary now, instead of ${this.#origin}`))
  }
}

function primaryOf({ servers }: TopologyDescription): string | undefined {
  return [...servers.values()].find(({ type }) => type === ServerType.RSPrimary)?.address
}
