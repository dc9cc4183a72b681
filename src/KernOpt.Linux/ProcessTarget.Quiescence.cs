using KernOpt.Linux.Proofs;
using KernOpt.Target;

namespace KernOpt.Linux;

public sealed partial class ProcessTarget
{
    /// <summary>
    /// How many bytes of private memory <see cref="ProveQuiescent"/> may scan for stacks that no thread is on. A target with more in use is answered
    /// "not proved": code then stays, which is safe. Default 256 MiB, some 100 ms.
    /// </summary>
    public ulong ScanLimit { get; set; } = 256UL << 20;

    public Outcome<Quiescence> ProveQuiescent(IReadOnlyList<AddressRange> ranges)
    {
        if (State != TargetState.Alive) return WhyNotAlive();
        if (ranges.Count == 0) return new Quiescence(true, "no range", 0, 0);
        return new QuiescenceProof(Pid, memory, holds, ReadMap(), ranges, ScanLimit).Prove();
    }
}
