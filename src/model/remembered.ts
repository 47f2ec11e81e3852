/** The same function for objects that nobody changes: what it gave for one is remembered for as long as the object is there. */
export function remembered<Of extends object, Result>(work: (of: Of) => Result): (of: Of) => Result {
  const known = new WeakMap<Of, { readonly result: Result }>()
  return (of) => {
    let entry = known.get(of)
    if (!entry) known.set(of, (entry = { result: work(of) }))
    return entry.result
  }
}
