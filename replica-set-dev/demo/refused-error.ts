/** The demo can't be shown with this configuration; the message says what to change. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError'
}
