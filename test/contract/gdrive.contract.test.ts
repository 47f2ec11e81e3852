import { openRig } from '../support/fake-drive/rig.ts'
import { providerContract } from './provider-suite.ts'

providerContract('gdrive', async () => {
  const rig = await openRig()
  return {
    provider: rig.provider,
    root: '/My Drive/w',
    readBack: async (path: string) => await Promise.resolve(rig.drive.file(`My Drive/w/${path}`)?.bytes),
    everything: async () => {
      const inside = rig.drive.tree().filter((path) => path.startsWith('My Drive/w/'))
      return await Promise.resolve(inside.map((path) => path.slice('My Drive/w/'.length)).filter((path) => path !== ''))
    },
    // It becomes somebody else's, who lets the account read it.
    closeFolder: (path: string) => {
      const { store } = rig.drive
      const folder = store.all().find((entry) => store.pathOf(entry) === (path === '' ? 'My Drive/w' : `My Drive/w/${path}`))
      Object.assign(folder ?? {}, { mine: false, role: 'reader' })
    },
    dispose: async () => await rig.close(),
  }
})
