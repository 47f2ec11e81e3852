const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
/** After the leading `c4`. */
const DIGITS = 88

/** The C4 id of content (SMPTE ST 2114), from its SHA-512 in hex: the number in base 58, filled up with the digit for zero. */
export function c4Id(sha512: string): string {
  let digits = ''
  for (let rest = BigInt(`0x${sha512}`); rest > 0n; rest /= 58n) digits = `${ALPHABET.charAt(Number(rest % 58n))}${digits}`
  return `c4${digits.padStart(DIGITS, ALPHABET.charAt(0))}`
}
