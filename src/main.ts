#!/usr/bin/env -S node --max-semi-space-size=8
// A small nursery: with the 32 MiB that V8 takes otherwise, a flood of changes costs a hundred MiB that stay.
import { requireNode } from './require-node.ts'

requireNode()
const { runCommandLine } = await import('./commands/command-line.ts')
process.exitCode = await runCommandLine(process.argv)
// Whatever still holds the process open must not keep an operator waiting.
setTimeout(() => process.exit(), 1_000).unref()
