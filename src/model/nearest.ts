/** The known names that are most like a wrong one, best first: at most three, and none that is nothing like it. */
export function nearest(wrong: string, known: Iterable<string>): readonly string[] {
  const said = wrong.toLowerCase()
  return [...new Set(known)]
    .map((name) => ({ name, distance: likeness(said, name.toLowerCase()) }))
    .filter(({ name, distance }) => distance <= Math.max(2, Math.max(said.length, name.length) / 2))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ name }) => name)
}

function likeness(a: string, b: string): number {
  return a !== '' && b.startsWith(a) ? 1 : distanceOf(a.slice(0, 100), b.slice(0, 100))
}

/** Insertions, deletions and replacements that make one text of the other (Levenshtein). */
function distanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (const [i, character] of a.split('').entries()) {
    const next = [i + 1]
    for (let j = 0; j < b.length; j++) {
      const replaced = (row[j] ?? 0) + (b[j] === character ? 0 : 1)
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
