/**
 * Node opens its inspector when somebody sends SIGUSR1: a port of the loopback through which every user of this machine may run code in
 * this process, with its keys. A listener of our own takes its place. `--inspect` works as ever.
 */
export function closeInspectorDoor(): void {
  if (process.platform !== 'win32') process.on('SIGUSR1', () => undefined)
}
