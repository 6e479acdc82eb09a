// Mixed traffic through an envoyd that is restarted every few seconds, and killed in the end, with upstreams that die, stall,
// reset and lie, and names that resolve to something else; every answer is checked, and so is every sum.
// `tools/soak MINUTES` builds and runs it; see there.
import CLinux
import Glibc
import ToolSupport

cl_ignore_signal(SIGPIPE)
Interrupt.watch()
do {
    let soak = try Soak(Options(CommandLine.arguments.dropFirst()))
    exit(soak.run())
} catch {
    say("mixed-soak: \(error)", to: 2)
    exit(2)
}
