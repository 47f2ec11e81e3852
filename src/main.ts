#!/usr/bin/env node
import { requireNode } from './require-node.ts'

requireNode()
const { runCommandLine } = await import('./commands/command-line.ts')
process.exitCode = await runCommandLine(process.argv)
// Whatever still holds the process open must not keep an operator waiting.
setTimeout(() => process.exit(), 1_000).unref()
