import { html } from '../library.js'

/** A shape of its own for each way to be, so that nothing depends on telling colours apart. */
const PATHS = {
  ok: 'M5 0a5 5 0 1 1 0 10A5 5 0 1 1 5 0Z',
  synced: 'M0 5.6 1.5 4 3.8 6.3 8.5 1 10 2.5 3.9 9.4Z',
  cooling: 'M5 .4 10 9.6H0Z',
  trying: 'M5 .4 10 9.6H0Z',
  paused: 'M1 0h3v10H1ZM6 0h3v10H6Z',
  closed: 'M0 0h10v10H0Z',
  skipped: 'M0 4h10v2H0Z',
  unheard: 'M0 4h10v2H0Z',
  misconfigured: 'M1.6 0 5 3.4 8.4 0 10 1.6 6.6 5 10 8.4 8.4 10 5 6.6 1.6 10 0 8.4 3.4 5 0 1.6Z',
  failed: 'M1.6 0 5 3.4 8.4 0 10 1.6 6.6 5 10 8.4 8.4 10 5 6.6 1.6 10 0 8.4 3.4 5 0 1.6Z',
  arrow: 'M1 0 9 5 1 10Z',
}

export const shape = (name, className = 'shape') =>
  html`<svg class=${className} viewBox="0 0 10 10" aria-hidden="true"><path d=${PATHS[name] ?? PATHS.skipped} /></svg>`

/** A word with its shape, in its colour. */
export const stateWord = (name, tone, word, title) => html`<span class="state ${tone}" title=${title}>${shape(name)}${word}</span>`

const TAIL = 14

/** Of one character, where it is written in several. */
const MOST_PARTS = 16
const PART = /^[\p{M}\u200D\uDC00-\uDFFF]/u

/** The same place, or the one before it where a character would be cut, such as a letter from its accent. */
function wholeBefore(text, at) {
  for (let place = at; place > Math.max(0, at - MOST_PARTS); place--) {
    if (!PART.test(text.slice(place, place + 2)) && text[place - 1] !== '\u200D') return place
  }
  return at
}

/** Is a name never shortened? */
export const isShort = (text) => text.length <= TAIL

/** Shortened in the middle where there is no room, so that the number at the end of a name stays to be seen. */
export function middle(text) {
  if (isShort(text)) return html`<span class="middle whole">${text}</span>`
  const at = wholeBefore(text, text.length - TAIL)
  return html`<span class="middle" dir="auto" title=${text}><span>${text.slice(0, at)}</span><span>${text.slice(at)}</span></span>`
}
