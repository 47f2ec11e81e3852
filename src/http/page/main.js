import { html, render } from './library.js'
import { State } from './state.js'
import { App } from './views/app.js'

const page = document.getElementById('page')
const state = new State((now) => render(html`<${App} state=${now} />`, page))
state.start()
state.changed()
