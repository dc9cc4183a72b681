using System.Collections.Immutable;
using KernOpt.Binary;
using KernOpt.Target;

namespace KernOpt.Code.Images;

/// <summary>Where a walk up a stack ended.</summary>
public enum StackEnd
{
    /// <summary>Where the thread, or the program, began.</summary>
    Complete,
    /// <summary>At the end of what is known of the stack.</summary>
    Truncated,
    /// <summary>In code of which no table says how to unwind it: made at run time, or written by hand.</summary>
    NoTable,
    /// <summary>At something that is no frame: a rule that needs a register that is not known, or a return address that is behind no call.</summary>
    NotKnown,
    /// <summary>After more frames than are walked.</summary>
    TooDeep,
}

/// <summary>At: where the frame is, or goes on. IsExact: that is the instruction itself, rather than the one behind a call.</summary>
public readonly record struct CallFrame(Address At, bool IsExact)
{
    /// <summary>An address in the instruction that the frame is at: a call may be the last one of its function.</summary>
    public Address Inside => IsExact ? At : At - 1;
}

/// <summary>The frames of a stack, the innermost first.</summary>
public sealed record CallStack(ImmutableArray<CallFrame> Frames, StackEnd End)
{
    public bool Equals(CallStack? other) => other is not null && End == other.End && Frames.AsSpan().SequenceEqual(other.Frames.AsSpan());

    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (var frame in Frames) hash.Add(frame.At.Value);
        return hash.ToHashCode();
    }
}

/// <summary>
/// Walks up stacks by the unwind tables of a program's modules (.eh_frame), and by nothing else: frame pointers and what looks like a return address prove nothing. What it has found out about
/// an address is kept until <see cref="Forget"/>. Not for use by several threads at once.
/// </summary>
public sealed class StackWalk(ProgramImage program)
{
    private const int MostFrames = 512;

    private readonly Dictionary<CallFrame, Place?> places = [];

    /// <summary>To be asked when modules have come or gone.</summary>
    public void Forget() => places.Clear();

    /// <summary>From registers at an instruction up. Word: eight bytes of the stack, null where they are not known.</summary>
    public CallStack From(FrameRegisters registers, Func<ulong, ulong?> word)
    {
        var frames = ImmutableArray.CreateBuilder<CallFrame>();
        for (var frame = new CallFrame(new Address(registers.Next ?? 0), IsExact: true); frames.Count < MostFrames;)
        {
            var place = PlaceOf(frame);
            if (place is { IsBehindCall: false, IsSignalFrame: false } && !frame.IsExact) return new CallStack(frames.ToImmutable(), StackEnd.NotKnown);
            frames.Add(frame);
            if (place is null) return new CallStack(frames.ToImmutable(), StackEnd.NoTable);
            var (caller, end) = registers.Unwind(place.Row, place.IsSignalFrame, word);
            if (caller?.Next is not { } next) return new CallStack(frames.ToImmutable(), EndOf(end));
            registers = caller;
            frame = new CallFrame(new Address(next), place.IsSignalFrame);
        }
        return new CallStack(frames.ToImmutable(), StackEnd.TooDeep);
    }

    private static StackEnd EndOf(FrameEnd end) => end switch
    {
        FrameEnd.Outermost => StackEnd.Complete,
        FrameEnd.NoMemory => StackEnd.Truncated,
        _ => StackEnd.NotKnown,
    };

    private Place? PlaceOf(CallFrame frame)
    {
        if (!places.TryGetValue(frame, out var place)) places[frame] = place = Find(frame);
        return place;
    }

    private Place? Find(CallFrame frame)
    {
        if (program.ModuleAt(frame.Inside) is not { } module || !module.File.Try(out var file, out _)) return null;
        var at = module.ToFile(frame.Inside);
        if (file.Unwind.EntryAt(at) is not { } entry || entry.RowAt(at) is not { } row) return null;
        var end = module.ToFile(frame.At);
        // The file's bytes: those of the text may be ours.
        return new Place(row, entry.Common.IsSignalFrame, CallInstruction.MayEnd(file.Image.BytesAt(new FileAddress(end.Value - CallInstruction.MostBytes), CallInstruction.MostBytes).Span));
    }

    private sealed record Place(UnwindRow Row, bool IsSignalFrame, bool IsBehindCall);
}
