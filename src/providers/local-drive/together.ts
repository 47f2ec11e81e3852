/**
 * Does two things at the same time and waits for both: whatever they work on is not to be closed before. What the first one failed with
 * counts first.
 */
export async function together<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([first, second])
  return [await first, await second]
}
