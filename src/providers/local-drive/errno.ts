import { constants } from 'node:os'

/** Numbers of Linux that Node has no name for: it throws them as "Unknown system error -122". */
const LINUX: Readonly<Record<number, string>> = {
  61: 'ENODATA',
  64: 'ENONET',
  67: 'ENOLINK',
  70: 'ECOMM',
  74: 'EBADMSG',
  78: 'EREMCHG',
  108: 'ESHUTDOWN',
  112: 'EHOSTDOWN',
  116: 'ESTALE',
  117: 'EUCLEAN',
  121: 'EREMOTEIO',
  122: 'EDQUOT',
  123: 'ENOMEDIUM',
  124: 'EMEDIUMTYPE',
  126: 'ENOKEY',
  127: 'EKEYEXPIRED',
  128: 'EKEYREVOKED',
  129: 'EKEYREJECTED',
  133: 'EHWPOISON',
}

const NAMES = new Map<number, string>([
  ...(process.platform === 'linux' ? Object.entries(LINUX).map(([number, name]): [number, string] => [Number(number), name]) : []),
  ...Object.entries(constants.errno).map(([name, number]): [number, string] => [number, name]),
])

/** The system's name of what was thrown, such as `EDQUOT`, also where Node has none; undefined for what is no error of the system. */
export function errnoName(error: unknown): string | undefined {
  const { code, errno } = (error ?? {}) as { code?: unknown; errno?: unknown }
  if (typeof code === 'string' && /^E[A-Z0-9]{1,30}$/.test(code)) return code
  return typeof errno === 'number' ? NAMES.get(Math.abs(errno)) : undefined
}

export function isErrno(error: unknown, ...names: readonly string[]): boolean {
  const name = errnoName(error)
  return name !== undefined && names.includes(name)
}
