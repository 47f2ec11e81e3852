import htm from './htm.js'
import { h } from './preact.js'

/** What views are written with. Whatever is put between the tags is text, never HTML. */
export const html = htm.bind(h)
export { Component, render } from './preact.js'
