/** For an `LRUCache` of so many entries: it takes room as they come. With `max` it would take the room of all of them when it is made. */
export function atMost(entries: number): { readonly maxSize: number; readonly sizeCalculation: () => number } {
  return { maxSize: entries, sizeCalculation: () => 1 }
}
