import { closeInspectorDoor } from '../../src/no-inspector.ts'
import { requireNode } from '../../src/require-node.ts'

requireNode()
closeInspectorDoor()
const { runDemoCommand } = await import('./command.ts')
process.exitCode = await runDemoCommand(process.argv)
// Whatever still holds the process open must not keep anyone waiting.
setTimeout(() => process.exit(), 3_000).unref()
