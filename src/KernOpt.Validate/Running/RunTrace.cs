using KernOpt.Linux.Native;

namespace KernOpt.Validate.Running;

/// <summary>What stopped a run, for a moment or for good.</summary>
internal enum ObservationKind
{
    /// <summary>Control went to an address outside the code under test: a call or a tail call. Where is that address.</summary>
    Left,
    /// <summary>Where is the number of the call.</summary>
    SystemCall,
    /// <summary>Back to the caller.</summary>
    Returned,
    /// <summary>Where is the address, 0 when the processor gives none; Signal tells which kind.</summary>
    Faulted,
    /// <summary>After the last <see cref="Left"/>: what was called does not come back, for no code follows the call.</summary>
    LeftForGood,
    EventLimit,
    TimedOut,
    TooMuchMemory,
}

/// <summary>
/// The state that the world sees at one moment. Memory: the pages that differ from the start of the run, by address. Vectors: the first bytes of the XSAVE
/// image, when the code uses that state at all.
/// </summary>
internal sealed record Observation(ObservationKind Kind, ulong Where, int Signal, Registers Registers, byte[]? Vectors, IReadOnlyDictionary<ulong, byte[]> Memory);

/// <summary>What one run did: its events in order, the last of which is how it ended.</summary>
internal sealed class RunTrace
{
    private readonly List<Observation> observations = [];

    public IReadOnlyList<Observation> Observations => observations;

    public ObservationKind End => observations[^1].Kind;

    public int Events => observations.Count;

    public void Add(Observation observation) => observations.Add(observation);
}

/// <summary>A value put into memory before a run; Size in bytes, 1 to 8.</summary>
internal readonly record struct Poke(ulong At, ulong Value, int Size)
{
    public override string ToString() => $"[0x{At:x}]={Size}:0x{Value:x}";
}

/// <summary>All that a run is made from; the original and the version get the same. Seed decides everything that is not named.</summary>
internal sealed record RunInput(ArgumentTuple Arguments, ulong Seed, bool IsBound, IReadOnlyList<Poke> Pokes)
{
    public ulong Argument(int index) => index switch
    {
        0 => Arguments.Rdi,
        1 => Arguments.Rsi,
        2 => Arguments.Rdx,
        3 => Arguments.Rcx,
        4 => Arguments.R8,
        _ => Arguments.R9,
    };

    public override string ToString()
    {
        var (rdi, rsi, rdx, rcx, r8, r9) = (Arguments.Rdi, Arguments.Rsi, Arguments.Rdx, Arguments.Rcx, Arguments.R8, Arguments.R9);
        var pokes = Pokes.Count == 0 ? "" : $" {string.Join(' ', Pokes)}";
        return $"rdi=0x{rdi:x} rsi=0x{rsi:x} rdx=0x{rdx:x} rcx=0x{rcx:x} r8=0x{r8:x} r9=0x{r9:x} seed=0x{Seed:x}{pokes}";
    }
}
