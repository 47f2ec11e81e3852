/** Programs that `.ci/run` could not install: tests of these are left out there, too. */
const WITHOUT = (process.env['SITE_SYNC_TEST_WITHOUT'] ?? '').split(' ')

/** Is a program on this machine that some tests run? Where all tests are to run, a missing one is a fault; elsewhere they are left out. */
export function hasTool(name: string, isThere: () => boolean, how: string): boolean {
  if (isThere()) return true
  if (process.env['CI'] !== undefined && !WITHOUT.includes(name)) throw new Error(`${name} is not there: ${how}`)
  console.warn(`left out: tests that run ${name}, which is not there (${how})`)
  return false
}
