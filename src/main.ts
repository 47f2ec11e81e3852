#!/usr/bin/env -S node --max-semi-space-size=8 --initial-old-space-size=48 --heap-growing-percent=50 --no-allocation-site-pretenuring
// A small nursery, and garbage that is collected early: V8 would otherwise take a hundred MiB more for a flood of changes, and keep them.
// Nothing is made in the old generation: it would keep a file's bytes until the whole heap is collected.
import { leaveProcess } from './leave-process.ts'
import { closeInspectorDoor } from './no-inspector.ts'
import { requireNode } from './require-node.ts'
import { useManyThreads } from './thread-pool.ts'

requireNode()
closeInspectorDoor()
useManyThreads()
const { runCommandLine } = await import('./commands/command-line.ts')
process.exitCode = await runCommandLine(process.argv)
// Whatever still holds the process open must not keep an operator waiting.
setTimeout(leaveProcess, 1_000).unref()
