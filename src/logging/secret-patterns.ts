/** Names whose values are secret, in JSON, in query strings and in `key=value` text. */
const NAMES = [
  'pass(?:word|wd|phrase)?',
  'pwd',
  '(?:client|app|shared)?[_-]?secret(?:[_-]?key)?',
  '(?:aws_)?secret_access_key',
  '(?:access|refresh|id|auth|session|bearer|security|oauth)[_-]?token',
  'api[_-]?key',
  'account[_-]?key',
  'private[_-]?key(?:_id)?',
  'upload_id',
  'assertion',
  'x-amz-(?:signature|credential|security-token)',
  'sharedaccesssignature',
  'set-cookie|cookie',
  'authorization',
].join('|')

/** A quotation mark, also one of JSON inside JSON. */
const QUOTE = String.raw`\\?["']`
/** Quoted (to the end of the text, should the closing mark be cut off), or up to the next blank or separator. */
const VALUE = [
  String.raw`\\"[^]*?(?:\\"|$)`,
  String.raw`"[^"\\]*(?:\\[^][^"\\]*)*(?:"|\\?$)`,
  String.raw`'[^']*(?:'|$)`,
  String.raw`[^\s&,;"'{}\[\]\\]+`,
].join('|')

/** A key under which a text is always secret. */
export const SECRET_KEY = new RegExp(`^(?:${NAMES}|token)$`, 'i')

/** What none of `SECRET_PATTERNS` can do without: most texts of a log have nothing of it, and need no further look. */
export const HINT_OF_SECRET = /[:=]|-----BEGIN|bearer\s|ya29\.|1\/\/|eyJ|GOCSPX-|AIza|A(?:KIA|SIA|ROA|IDA)|sl\./i

/**
 * What looks like a secret, and what stands there instead; user names and passwords in URIs are seen to in `uri-userinfo.ts`. None may
 * read a text again and again: a run of characters is matched only where failing to match gives up after a bounded number of them.
 * Blotting out too much of a line is the lesser evil.
 */
export const SECRET_PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----[^]*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|$)/g, '[redacted key]'],
  [/\bbearer\s+[^\s"',;]+/gi, 'Bearer [redacted]'],
  [/\b(authorization["']?\s*[:=]\s*["']?(?:basic|digest|aws4-hmac-sha256)\s+)[^\s"']+/gi, '$1[redacted]'],
  [new RegExp(String.raw`((?<![a-z0-9])(?:${NAMES})(?:${QUOTE})?\s*[:=]\s*)(?:${VALUE})`, 'gi'), '$1[redacted]'],
  [/\bya29\.[\w.-]+/g, '[redacted token]'],
  [/\b1\/\/[\w-]{20,}/g, '[redacted token]'],
  [/\beyJ[\w-]{8,}(?:\.[\w-]+){0,2}/g, '[redacted token]'],
  [/\bGOCSPX-[\w-]{10,}/g, '[redacted]'],
  [/\bAIza[\w-]{30,}/g, '[redacted]'],
  [/\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}\b/g, '[redacted]'],
  [/\bsl\.[\w-]{30,}/g, '[redacted token]'],
  [/\bsst_[\w-]{20,}/g, '[redacted token]'],
]
