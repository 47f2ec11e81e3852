/** The service's own; what any client says to keep its connection is left out. */
const COUNTED = ['find', 'getMore', 'aggregate', 'findAndModify', 'update', 'delete', 'bulkWrite', 'distinct', 'insert']

/** What the server was asked between two counts, as text; the inserts of the publisher are told by number, few as they are. */
export function commandsPerFile(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>, files: number): string {
  const counts = COUNTED.map((name) => [name, ((after.get(name) ?? 0) - (before.get(name) ?? 0)) / files] as const)
  const all = counts.reduce((sum, [, count]) => sum + count, 0)
  const parts = counts.filter(([, count]) => count >= 0.005).map(([name, count]) => `\`${name}\` ${count.toFixed(2)}`)
  return `${all.toFixed(2)} (${parts.join(', ')})`
}
