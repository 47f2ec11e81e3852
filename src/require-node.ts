/** The oldest Node that runs this program as it is written. */
const LEAST = [24, 0] as const

/** Ends the program with a clear word where Node is too old, before it fails with an obscure one. */
export function requireNode(version: string = process.versions.node): void {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > LEAST[0] || (major === LEAST[0] && minor >= LEAST[1])) return
  process.stderr.write(
    `Site Sync needs Node ${LEAST.join('.')} or newer; this is ${version}. Start it through npm, which brings one along.\n`,
  )
  process.exit(2)
}
