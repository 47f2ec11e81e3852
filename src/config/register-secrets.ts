import { SECRET_KEY } from '../logging/secret-patterns.ts'
import { registerKey, registerSecret } from '../secrets.ts'
import { secretsOf } from './mongo-address.ts'

/** The end of a key under which a text is secret, as in `sftp_pass`. */
const ENDS_AS_SECRET = /(?:pass(?:word|wd|phrase)?|pwd|secret|token|(?:private|api|account|access|secret)[_-]?key)$/i

/** Is a text under this key secret? */
export const isSecretKey = (key: string): boolean => SECRET_KEY.test(key) || ENDS_AS_SECRET.test(key)

/** Everything in a configuration that is secret, by the names of keys, or as a password in an address: also in parts that nobody reads. */
export function registerSecretsIn(value: unknown, key = ''): void {
  if (typeof value === 'string') {
    if (value.includes('-----BEGIN')) registerKey(value)
    else if (isSecretKey(key)) registerSecret('password', value)
    if (value.includes('://')) for (const secret of secretsOf(value.trim())) registerSecret('password', secret)
  } else if (Array.isArray(value)) for (const item of value) registerSecretsIn(item, key)
  else if (typeof value === 'object' && value !== null) for (const [name, item] of Object.entries(value)) registerSecretsIn(item, name)
}
