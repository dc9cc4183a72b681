using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Linux.Native;
using KernOpt.Validate.Running;
using KernOpt.Validate.Sandboxing;

namespace KernOpt.Validate.Comparing;

/// <summary>
/// Whether two runs did the same as far as anyone can see: the same events in the same order with the same registers and memory. Says what differed first.
/// </summary>
internal sealed class TraceComparison(ValidationRequest request, SandboxLayout layout, CodeFacts facts, Func<ulong, byte[]?> baseline)
{
    /// <summary>DF and AC, which a function hands on as it got them (psABI 3.2.1); the status flags are dead at calls and returns.</summary>
    private const ulong KeptFlags = 0x4_0400;

    /// <summary>At a call, all: callees of gcc's -fipa-ra and .isra clones read others than the psABI names, as Code.Bodies.Liveness assumes, too.</summary>
    private static readonly Register[] AtCall = [.. GeneralRegisters.CallerSaved, .. GeneralRegisters.CalleeSaved];
    private static readonly Register[] AtSystemCall = [Register.RDI, Register.RSI, Register.RDX, Register.R10, Register.R8, Register.R9];

    /// <summary>
    /// The results of psABI 3.2.3, and rcx, xmm2 and xmm3, in which LLVM returns larger values between its own functions; then what this function is known to
    /// restore or to return. What else a version leaves in other registers is not compared, for the code before the return may have been its last reader.
    /// </summary>
    private readonly Register[] atReturn = [Register.RAX, Register.RDX, Register.RCX, .. GeneralRegisters.CalleeSaved,
        .. GeneralRegisters.CallerSaved.Where(r => request.Original.AlsoAtReturn.Parts(r) != RegisterPart.None)];
    private const int VectorsAtReturn = 4;

    private readonly MemoryComparison memory = new(request, layout, facts, baseline);

    /// <summary>Null when they are alike. Neither trace may have timed out.</summary>
    public string? Differ(RunTrace original, RunTrace version)
    {
        for (var i = 0; i < Math.Min(original.Events, version.Events); i++)
        {
            var what = DifferAt(original.Observations[i], version.Observations[i]);
            if (what is not null) return i == 0 && original.Events == 1 ? what : $"event {i + 1} of {original.Events}: {what}";
        }
        return original.Events == version.Events ? null : $"the original had {original.Events} events, the version {version.Events}";
    }

    private string? DifferAt(Observation a, Observation b)
    {
        if (a.Kind != b.Kind || a.Where != b.Where || a.Signal != b.Signal) return $"the original {Describe(a)}, the version {Describe(b)}";
        // These only say how the event before them, which was compared, ended the run.
        if (a.Kind is ObservationKind.LeftForGood or ObservationKind.EventLimit) return null;
        var registers = a.Kind switch
        {
            ObservationKind.Left => AtCall,
            ObservationKind.SystemCall => AtSystemCall,
            ObservationKind.Returned => atReturn,
            _ => [],
        };
        var at = Describe(a);
        return DifferInRegisters(a, b, registers, at) ?? DifferInVectors(a, b, at) ?? memory.Differ(a, b, at);
    }

    private string? DifferInRegisters(Observation a, Observation b, Register[] compared, string at)
    {
        var (ra, rb) = (a.Registers, b.Registers);
        if (ra.Rsp != rb.Rsp) return Values("rsp", ra.Rsp, rb.Rsp, at);
        if (((ra.Flags ^ rb.Flags) & KeptFlags) != 0) return Values("the direction or alignment flag", ra.Flags & KeptFlags, rb.Flags & KeptFlags, at);
        if (ra.FsBase != rb.FsBase) return Values("the thread pointer", ra.FsBase, rb.FsBase, at);
        foreach (var register in compared)
        {
            var (x, y) = (GeneralRegisters.Get(ra, register), GeneralRegisters.Get(rb, register));
            if (x != y && !facts.AreSameOfTable(x, y)) return Values(register.ToString().ToLowerInvariant(), x, y, at);
        }
        if (a.Kind is ObservationKind.Faulted) return null;
        foreach (var register in GeneralRegisters.CallerSaved)
        {
            var (x, y) = (GeneralRegisters.Get(ra, register), GeneralRegisters.Get(rb, register));
            if (x != y && facts.IsNeverWritten(register)) return Values($"{register.ToString().ToLowerInvariant()} (never written by the original)", x, y, at);
        }
        return null;
    }

    private string? DifferInVectors(Observation a, Observation b, string at)
    {
        if (a.Vectors is null || b.Vectors is null || a.Kind == ObservationKind.Faulted) return null;
        var last = a.Kind == ObservationKind.Returned ? VectorsAtReturn : 16;
        for (var i = 0; i < 16; i++)
        {
            if (i >= last && !facts.IsNeverWritten(Register.XMM0 + i) && !request.Original.AlsoAtReturn.Overlaps(LiveSet.Of(Register.XMM0 + i))) continue;
            foreach (var (offset, half) in new[] { (VectorState.XmmOffset, "xmm"), (VectorState.YmmHighOffset, "the upper half of ymm") })
            {
                var x = a.Vectors.AsSpan(offset + (i * 16), 16);
                var y = b.Vectors.AsSpan(offset + (i * 16), 16);
                if (!x.SequenceEqual(y)) return $"{half}{i} is {Hex(x)} in the original and {Hex(y)} in the version when it {at}";
            }
        }
        return a.Kind == ObservationKind.Returned ? DifferInControl(a.Vectors, b.Vectors, at) : null;
    }

    /// <summary>Control bits of MXCSR and x87 belong to the caller (psABI 3.2.1); st(0) may be the result and the depth of its stack tells whether.</summary>
    private static string? DifferInControl(byte[] a, byte[] b, string at)
    {
        const int tagOffset = 4, statusOffset = 2, topOfStack = 0x3800;
        if ((BitConverter.ToUInt32(a, VectorState.MxcsrOffset) & 0xffc0) != (BitConverter.ToUInt32(b, VectorState.MxcsrOffset) & 0xffc0))
        {
            return $"the control bits of mxcsr differ when it {at}";
        }
        if (BitConverter.ToUInt16(a, VectorState.ControlWordOffset) != BitConverter.ToUInt16(b, VectorState.ControlWordOffset)) return $"the x87 control word differs when it {at}";
        if (a[tagOffset] != b[tagOffset] || ((BitConverter.ToUInt16(a, statusOffset) ^ BitConverter.ToUInt16(b, statusOffset)) & topOfStack) != 0)
        {
            return $"the x87 stack has another depth when it {at}";
        }
        var x = a.AsSpan(VectorState.StackTopOffset, 10);
        var y = b.AsSpan(VectorState.StackTopOffset, 10);
        return a[tagOffset] == 0 || x.SequenceEqual(y) ? null : $"st(0) is {Hex(x)} in the original and {Hex(y)} in the version when it {at}";
    }

    private static string Values(string what, ulong original, ulong version, string at)
        => $"{what} is 0x{original:x} in the original and 0x{version:x} in the version when it {at}";

    private static string Hex(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(bytes);

    private static string Describe(Observation observation) => observation.Kind switch
    {
        ObservationKind.Left => $"calls 0x{observation.Where:x}",
        ObservationKind.SystemCall => $"makes system call {observation.Where}",
        ObservationKind.Returned => "returns",
        ObservationKind.Faulted when observation.Where == 0 => $"gets signal {observation.Signal}",
        ObservationKind.Faulted => $"gets signal {observation.Signal} at 0x{observation.Where:x}",
        ObservationKind.LeftForGood => $"calls 0x{observation.Where:x} and does not come back",
        ObservationKind.EventLimit => "has made as many calls as are looked at",
        ObservationKind.TimedOut => "goes on without end",
        _ => "touches more memory than is kept",
    };
}
