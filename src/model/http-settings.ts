/** Where the page and the API listen, and whom they answer. There are none where the configuration does not enable them. */
export interface HttpSettings {
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
  /** Absolute paths of PEM files. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string }
  /** Names in the `Host` header that are answered beside those of this machine and `host` itself. */
  readonly trustedHosts: readonly string[]
  /** No action is taken, whoever asks. */
  readonly readOnly: boolean
  /** Who comes from this machine may read without a token. */
  readonly anonymousRead: boolean
  /** Something in front of it speaks TLS, and says for whom it asks. */
  readonly behindProxy: boolean
}

export const WEBHOOK_EVENTS = ['synced', 'failed', 'exhausted', 'site-down', 'site-up'] as const
type WebhookEvent = (typeof WEBHOOK_EVENTS)[number]

/** An address that is told of what happened. */
export interface Webhook {
  readonly url: string
  /** What the message is signed with. */
  readonly secret: string
  readonly on: ReadonlySet<WebhookEvent>
}
