/** Kinds of servers (`ServerType`), by address. */
type Servers = Readonly<Record<string, string>>

/** A set of three members, which are secondaries unless said otherwise. */
export function replicaSet(members: Servers): Servers {
  return { a: 'RSSecondary', b: 'RSSecondary', c: 'RSSecondary', ...members }
}

/** What the driver tells (`topologyDescriptionChanged`) when it hears of a change of the set. */
export function changed(before: Servers, now: Servers): unknown {
  const descriptionOf = (servers: Servers) => ({
    servers: new Map(Object.entries(servers).map(([address, type]) => [address, { address, type }])),
  })
  return { previousDescription: descriptionOf(before), newDescription: descriptionOf(now) }
}
