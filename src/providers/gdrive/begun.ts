/** Resolves when the first element is there, with all of them; rejects with what stands in the way of it. */
export async function begun<T>(elements: AsyncGenerator<T>): Promise<AsyncGenerator<T>> {
  const first = await elements.next()
  async function* all(): AsyncGenerator<T> {
    if (first.done === true) return
    yield first.value
    yield* elements
  }
  return all()
}
