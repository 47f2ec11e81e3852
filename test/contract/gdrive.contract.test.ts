import { openRig } from '../support/fake-drive/rig.ts'
import { providerContract } from './provider-suite.ts'

providerContract('gdrive', async () => {
  const rig = await openRig()
  return {
    provider: rig.provider,
    root: '/My Drive/w',
    readBack: async (path: string) => await Promise.resolve(rig.drive.file(`My Drive/w/${path}`)?.bytes),
    dispose: async () => await rig.close(),
  }
})
