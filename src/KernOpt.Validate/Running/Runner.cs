using System.Buffers.Binary;
using KernOpt.Linux.Native;
using KernOpt.Validate.Sandboxing;

namespace KernOpt.Validate.Running;

/// <summary>
/// Runs original or version once, natively, from entry to return. Everything else that it does, calls out, system calls and faults, stops it and is
/// written down. The same input gives the same run.
/// </summary>
internal sealed class Runner(ValidationRequest request, SandboxLayout layout, CodeFacts facts, CodeSwitch code, SandboxMemory memory, SandboxProcess process)
{
    private const int KernelRaised = 0x80;   // SI_KERNEL: the processor gave no address (sigaction(2))
    private const int StackArguments = 12;
    private readonly CallAnswers answers = new(facts, memory, layout);
    private readonly byte[] signalInfo = new byte[Ptrace.SignalInfoSize];
    private readonly byte[] extended = new byte[VectorState.Capacity];
    private VectorState? vectors;
    private Registers registers;
    private RunInput input = null!;
    private RunTrace trace = null!;
    private RunTrace? reference;
    private bool isVersion;
    private int ticksLeft;

    public RunTrace RunOriginal(RunInput from)
    {
        isVersion = false;
        reference = null;
        return Run(from, ticks: 1);
    }

    /// <summary>Ends where the original's run ended, when that was in the middle. Ticks: how much of the processor it may use.</summary>
    public RunTrace RunVersion(RunInput from, RunTrace original, int ticks)
    {
        isVersion = true;
        reference = original;
        return Run(from, ticks);
    }

    private RunTrace Run(RunInput from, int ticks)
    {
        input = from;
        trace = new RunTrace();
        ticksLeft = ticks;
        Begin();
        while (Step(process.Resume())) { }
        return trace;
    }

    private void Begin()
    {
        memory.Restore();
        code.Select(isVersion);
        var random = new DeterministicRandom(input.Seed);
        registers = process.InitialRegisters with
        {
            Rip = isVersion && request.Version.IsDirect ? request.Version.Entry.Value : request.Original.Entry.Value,
            Rsp = layout.EntryStackPointer,
            FsBase = request.ThreadPointer == Target.Address.Zero ? layout.ThreadArea : request.ThreadPointer.Value,
            OriginalRax = ulong.MaxValue,
            Flags = CallAnswers.Flags(random),
        };
        foreach (var register in GeneralRegisters.CalleeSaved.Concat(GeneralRegisters.CallerSaved)) GeneralRegisters.Set(ref registers, register, random.Next());
        for (var i = 0; i < GeneralRegisters.Arguments.Length; i++) GeneralRegisters.Set(ref registers, GeneralRegisters.Arguments[i], input.Argument(i));
        registers.Rax = (ulong)random.Below(9);
        FillStack(random);
        foreach (var poke in input.Pokes) memory.TryWrite(poke.At, BitConverter.GetBytes(poke.Value).AsSpan(0, poke.Size));
        if (facts.UsesVectors)
        {
            vectors ??= new VectorState(extended.AsSpan(0, process.GetExtendedState(extended)));
            process.SetExtendedState(vectors.Randomized(random));
        }
        process.SetRegisters(registers);
    }

    private void FillStack(DeterministicRandom random)
    {
        Span<byte> words = stackalloc byte[8 * (StackArguments + 1)];
        BinaryPrimitives.WriteUInt64LittleEndian(words, layout.ReturnAddress);
        for (var i = 1; i <= StackArguments; i++)
        {
            var word = random.OneIn(2) ? (ulong)random.Below(64) : layout.Scratch + ((ulong)random.Below(512) * 8);
            BinaryPrimitives.WriteUInt64LittleEndian(words[(i * 8)..], word);
        }
        memory.TryWrite(layout.EntryStackPointer, words);
    }

    /// <summary>Deals with one stop; false when the run is over.</summary>
    private bool Step(StopReport stop)
    {
        if (stop.Code == SandboxProcess.TickSignal) return ticksLeft-- > 0 || End(ObservationKind.TimedOut, 0, 0);
        registers = process.GetRegisters();
        registers.OriginalRax = stop.IsSystemCall ? registers.OriginalRax : ulong.MaxValue;
        if (stop.IsSystemCall) return OnSystemCall();
        process.GetSignalInfo(signalInfo);
        return stop.Code switch
        {
            Signals.Segv => OnMemoryFault(),
            Signals.Trap => OnTrap(),
            Signals.Bus => End(ObservationKind.Faulted, FaultAddress, Signals.Bus),
            _ => End(ObservationKind.Faulted, 0, stop.Code),
        };
    }

    /// <summary>si_addr, or 0 when the processor told none (a non-canonical address).</summary>
    private ulong FaultAddress => BinaryPrimitives.ReadInt32LittleEndian(signalInfo.AsSpan(8)) == KernelRaised
        ? 0 : BinaryPrimitives.ReadUInt64LittleEndian(signalInfo.AsSpan(16));

    private bool OnMemoryFault()
    {
        var at = FaultAddress;
        if (at == registers.Rip && at != 0 && !facts.Original.ContainsKey(at) && !facts.Version.ContainsKey(at))
        {
            return at == layout.ReturnAddress ? End(ObservationKind.Returned, at, 0) : OnLeft(at);
        }
        var answer = BinaryPrimitives.ReadInt32LittleEndian(signalInfo.AsSpan(8)) == KernelRaised ? FaultAnswer.Genuine : memory.Resolve(at);
        if (answer == FaultAnswer.Genuine) return End(ObservationKind.Faulted, at, Signals.Segv);
        if (answer == FaultAnswer.TooMuch) return End(ObservationKind.TooMuchMemory, at, 0);
        process.SetRegisters(registers);
        return true;
    }

    private bool OnTrap()
    {
        var at = registers.Rip - 1;
        if (isVersion && code.IsTrappedSite(at)) registers.Rip = request.Version.Entry.Value;
        else if (code.TryDisarm(at)) registers.Rip = at;
        else if (IsOutside(at))
        {
            registers.Rip = at;
            return OnLeft(at);
        }
        else return End(ObservationKind.Faulted, 0, Signals.Trap);
        process.SetRegisters(registers);
        return true;
    }

    private bool IsOutside(ulong at) => !facts.Original.ContainsKey(at) && !facts.Version.ContainsKey(at)
        && !request.Extra.Any(e => e.IsCode && e.Range.Contains(new Target.Address(at)));

    private bool OnLeft(ulong callee)
    {
        Span<byte> slot = stackalloc byte[8];
        if (!memory.TryRead(registers.Rsp, slot)) return End(ObservationKind.Faulted, registers.Rsp, Signals.Segv);
        var index = trace.Events;
        trace.Add(Observe(ObservationKind.Left, callee, 0));
        if (index + 1 >= request.Limits.Events) return End(ObservationKind.EventLimit, callee, 0);
        var returnTo = BinaryPrimitives.ReadUInt64LittleEndian(slot);
        if (!ComesBack(returnTo, index)) return End(ObservationKind.LeftForGood, callee, 0);
        registers = answers.Answer(registers, returnTo, input, index);
        if (vectors is not null && CallAnswers.Trashes(input, index))
        {
            var length = process.GetExtendedState(extended);
            var random = new DeterministicRandom(DeterministicRandom.Mix(input.Seed, (ulong)index + 0x3000));
            process.SetExtendedState(vectors.Answered(extended.AsSpan(0, length), random));
        }
        process.SetRegisters(registers);
        return true;
    }

    /// <summary>What follows the call is code of the original. (A version has its fence there, so it is asked where the original's run ended.)</summary>
    private bool ComesBack(ulong returnTo, int index)
    {
        if (reference is not null) return !(reference.Events == index + 2 && reference.End == ObservationKind.LeftForGood);
        return returnTo == layout.ReturnAddress
            || (facts.Original.ContainsKey(returnTo) && !request.Original.NeverReturnedTo.Contains(new Target.Address(returnTo)));
    }

    private bool OnSystemCall()
    {
        var index = trace.Events;
        var number = registers.OriginalRax;
        trace.Add(Observe(ObservationKind.SystemCall, number, 0));
        if (index + 1 >= request.Limits.Events) return End(ObservationKind.EventLimit, number, 0);
        registers = CallAnswers.AnswerSystemCall(registers, input, index);
        process.SetRegisters(registers);
        return true;
    }

    private bool End(ObservationKind how, ulong where, int signal)
    {
        trace.Add(Observe(how, where, signal));
        return false;
    }

    private Observation Observe(ObservationKind kind, ulong where, int signal)
    {
        if (kind == ObservationKind.TimedOut) registers = process.GetRegisters();
        byte[]? state = null;
        if (vectors is not null)
        {
            process.GetExtendedState(extended);
            state = extended.AsSpan(0, VectorState.KeptBytes).ToArray();
        }
        var changed = new Dictionary<ulong, byte[]>();
        foreach (var page in memory.Open)
        {
            if (layout.IsStack(page.Address) && page.Address + SandboxLayout.PageSize <= registers.Rsp) continue;
            var current = memory.Current(page);
            if (!current.SequenceEqual(page.Baseline)) changed.Add(page.Address, current.ToArray());
        }
        return new Observation(kind, where, signal, registers, state, changed);
    }
}
