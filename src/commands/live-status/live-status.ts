import { messageOf } from '../../errors.ts'
import type { Inspection } from '../../service/inspection.ts'
import { sleep } from '../../streams/waiting.ts'
import { Screen } from '../screen.ts'
import { StatusLook, type StatusView } from './look.ts'
import { render } from './render.ts'

const EVERY_MS = 1_000

/** Shows how everything is doing, redrawn in place once a second, until somebody presses q or Ctrl-C. */
export async function liveStatus(inspection: Inspection, project: string | undefined): Promise<void> {
  const look = new StatusLook(inspection, project)
  const ended = new AbortController()
  let view: StatusView | undefined
  let fault: string | undefined
  using screen = new Screen({ ended: () => ended.abort(), resized: () => draw() })
  function draw(): void {
    if (view && !ended.signal.aborted) screen.draw(render(view, screen.size, { now: new Date(), ...(fault !== undefined && { fault }) }))
  }
  while (!ended.signal.aborted) {
    try {
      view = await look.look(ended.signal)
      fault = undefined
    } catch (error) {
      // Without a first look there is nothing to show.
      if (!view && !ended.signal.aborted) throw error
      fault = messageOf(error)
    }
    draw()
    await sleep(EVERY_MS, ended.signal)
  }
}
