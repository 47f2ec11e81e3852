export const TOKEN_SCOPES = ['read', 'operate'] as const
/** `operate` may do everything that `read` may, and change records. */
export type TokenScope = (typeof TOKEN_SCOPES)[number]

/** What is known of a token; the token itself is nowhere but with its holder. */
export interface AccessToken {
  readonly name: string
  readonly scope: TokenScope
  readonly created: Date
  /** Who created it. */
  readonly who: string
}
