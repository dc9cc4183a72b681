using System.Collections.Immutable;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Engine.Sessions;
using KernOpt.Live;
using KernOpt.Optimize.Guards;
using KernOpt.Target;
using KernOpt.Validate;

namespace KernOpt.Engine.Versions;

/// <summary>
/// Tries code that is to go live against the original it stands for, in the sandbox. Nothing of ours goes live without it, be it only there to count. Seeds are
/// arguments that were seen live.
/// </summary>
internal sealed record VersionCheck(Session Session, FunctionGraph Graph, Redirect Redirect)
{
    public ImmutableArray<ArgumentTuple> Seeds { get; init; } = [];
    public IReadOnlyList<EntryBinding> Bindings { get; init; } = [];

    /// <summary>What callers read after a call, as <see cref="ResultRegisters"/> knows it.</summary>
    public LiveSet Results { get; init; }
    public ValidationLimits Limits { get; init; } = new();

    /// <summary>The guarded entry, and the full entry where there is one, each against the original. The version's own data (counters) is not compared.</summary>
    public Outcome<ValidationReport> Run(EncodedCode encoded, VersionPlace place)
    {
        var request = RequestFor(encoded, place);
        var guarded = VersionValidator.Validate(request);
        if (!guarded.IsDone || encoded.Entries.Length < 2) return guarded;
        var direct = request with { Version = new VersionCode(encoded, encoded.Entries[1], IsDirect: true) };
        return VersionValidator.Validate(direct).Then(_ => guarded);
    }

    private ValidationRequest RequestFor(EncodedCode encoded, VersionPlace place)
    {
        var stubs = new byte[Redirect.Code.Length];
        Session.Target.Read(Redirect.Code.Start, stubs);
        var original = OriginalCode.Of(Graph, Redirect.Site);
        return new ValidationRequest(original with { AlsoAtReturn = original.AlsoAtReturn | Results }, new VersionCode(encoded, encoded.Entries[0]))
        {
            Read = Session.Live.Source.Read,
            Map = Session.Target.ReadMap(),
            Extra = [new PlacedBytes(Redirect.Code.Start, [.. stubs], IsCode: true)],
            NotCompared = [place.Data],
            Seeds = Seeds,
            Bindings = [.. Bindings.Select(b => new RegisterBinding(b.Argument, b.Value, b.Bits))],
            ThreadPointer = Session.Target.ReadThreadPointer().Try(out var pointer, out _) ? pointer : Address.Zero,
            Limits = Limits,
            RandomSeed = (ulong)Random.Shared.NextInt64(),
        };
    }
}
