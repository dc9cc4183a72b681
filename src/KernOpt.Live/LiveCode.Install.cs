using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Live.Regions;
using KernOpt.Live.Sites;
using KernOpt.Live.Stubs;
using KernOpt.Target;

namespace KernOpt.Live;

/// <summary>
/// What is to be installed. Encode is asked for the bytes at one place, at most MostBytes of them; its first entry is where the site leads, its second, when
/// it has one, the function's own entry. Text is for people: what was bound, what was moved.
/// </summary>
public sealed record VersionRequest(VersionKind Kind, string Text, int MostBytes, Func<VersionPlace, Outcome<EncodedCode>> Encode)
{
    /// <summary>64-bit words of data that the version's own code counts in, 0 or more; they start at zero.</summary>
    public int Words { get; init; }
}

/// <summary>Where a version will lie, its data, and the 64-bit word of that in which its guard may count the calls that it turns away.</summary>
public readonly record struct VersionPlace(Address Code, AddressRange Data)
{
    public Address MissCounter => Data.Start + InstalledVersion.MissesAt;

    /// <summary>One of the words that were asked for, from 0.</summary>
    public Address Word(int index) => Data.Start + InstalledVersion.WordAt(index);
}

public sealed partial class LiveCode
{
    private const ulong CountedStubBytes = 32;
    private const int CallBytes = 5;

    /// <summary>Until the entry is added, under the gate.</summary>
    private const ulong Unnumbered = 0;

    /// <summary>
    /// Puts a version into the redirection's region, complete, without anything leading to it yet. Refused with nothing changed: 5003, 5201, 5203, 5204, and
    /// what Encode says.
    /// </summary>
    public Outcome<InstalledVersion> InstallVersion(Redirect redirect, VersionRequest request)
    {
        LiveRegion region;
        lock (gate)
        {
            region = redirect.Region;
            if (WhyNotExtensible(redirect) is { } refusal) return refusal;
        }
        var room = ((ulong)request.MostBytes + 15) & ~15UL;
        return Install(redirect, room + 2 * CountedStubBytes, InstalledVersion.WordAt(request.Words), (code, data) =>
            Encode(region, redirect, request, room, code, data)).Then<InstalledVersion>(placed => new InstalledVersion(region, placed));
    }

    /// <summary>
    /// Points a direct call of the redirected function at the version's full entry, past its guard, for as long as the switch is at this version. Refused with
    /// nothing changed: 5104 when the call is not one, 5205 when the version has no full entry, 5003, 5105, 5203.
    /// </summary>
    public Outcome<RedirectedCall> RedirectCall(Redirect redirect, InstalledVersion version, CallSite call)
    {
        lock (gate)
        {
            var region = redirect.Region;
            if (WhyNotExtensible(redirect) is { } refusal) return refusal;
            if (version.FullEntry is null) return Reasons.NoFullEntry.With($"version {version.Id}");
            if (call.IsTail || call.Target != redirect.Function.Start || !region.CanReach(new AddressRange(call.At, CallBytes)) || !target.CanStoreAtOnce(call.At, CallBytes))
                return Reasons.CallNotPatchable.With($"at {call.At}");
            Span<byte> opcode = stackalloc byte[1];
            if (Source.Read(call.At, opcode) != 1 || opcode[0] != NearCall) return Reasons.CallNotPatchable.With($"at {call.At}");

            var installed = Install(redirect, RedirectedCall.MostCodeBytes, RedirectedCall.DataBytes, (code, data) => CallEntry(region, redirect, version, call, code, data));
            if (!installed.Try(out var placed, out var why)) return why;
            region.Memory.Store(placed.Entry.Data.Offset, redirect.Function.Start.Value);
            var stored = changes.Make(region, ChangeKind.CallSite, call.At, Near(NearCall, call.At, placed.Entry.Plain, CallBytes), placed.Entry.Id);
            unpatched.Invalidate();
            if (!stored.IsDone)
            {
                region.Remove(placed);
                return stored.Refusal;
            }
            SwitchCalls(redirect, redirect.Current);
            return new RedirectedCall(region, placed);
        }
    }

    /// <summary>
    /// Makes a sampling probe that goes on to the original, or to another arm. Every: one call in this many, 1 or more. Capacity: records in the ring, a power of
    /// two of at least 64. Refused with nothing changed: 5003, 5202, 5203.
    /// </summary>
    public Outcome<ValueProbe> AddProbe(Redirect redirect, uint every, int capacity = 1024, Arm? then = null)
    {
        ArgumentOutOfRangeException.ThrowIfZero(every);
        if (capacity is < 64 or > ValueProbe.MostRecords || !int.IsPow2(capacity)) throw new ArgumentOutOfRangeException(nameof(capacity));
        lock (gate)
        {
            var region = redirect.Region;
            if (WhyNotExtensible(redirect) is { } refusal) return refusal;
            if (!DestinationOf(redirect, then ?? Arm.Original).Try(out var next, out var why)) return why;
            return Install(redirect, ProbeCode.MostBytes, ProbeCode.DataBytes(capacity), (code, data) =>
                ProbeEntry(region, redirect, every, capacity, then ?? Arm.Original, next, code, data)).Then<ValueProbe>(placed => new ValueProbe(region, placed));
        }
    }

    /// <summary>
    /// Takes memory, makes the bytes and the entry for it, and writes them; gives the memory back where that is refused. The gate is not held while they are made:
    /// making may take long, and may read the program from other threads.
    /// </summary>
    private Outcome<PlacedEntry> Install(Redirect redirect, ulong codeBytes, ulong dataBytes, Func<Piece, Piece, Outcome<(Entry Entry, byte[] Bytes)>> make)
    {
        var region = redirect.Region;
        Piece code, data;
        lock (gate)
        {
            if (!region.TakeCode(codeBytes).Try(out code, out var full)) return full;
            if (!region.TakeData(dataBytes).Try(out data, out full))
            {
                region.GiveBack(code, default);
                return full;
            }
        }
        var made = make(code, data);
        lock (gate)
        {
            // The redirection may have been taken out meanwhile.
            var added = WhyNotExtensible(redirect) is { } gone ? gone : made.Then(m => region.Add(m.Entry with { Id = regions.NextId(region) }));
            if (!added.Try(out var placed, out var why))
            {
                region.GiveBack(code, data);
                return why;
            }
            region.Memory.Write(data.Offset, new byte[data.Length]);
            region.Memory.Write(code.Offset, made.Value.Bytes);
            region.Mark(placed, EntryState.Live);
            return placed;
        }
    }

    private static Outcome<(Entry, byte[])> Encode(LiveRegion region, Redirect redirect, VersionRequest request, ulong room, Piece code, Piece data)
    {
        var at = region.AddressOf(code.Offset);
        if (!request.Encode(new VersionPlace(at, region.RangeOf(data))).Try(out var encoded, out var why)) return why;
        if ((ulong)encoded.Bytes.Length > room) return Reasons.VersionTooLong.With($"{encoded.Bytes.Length} bytes, {request.MostBytes} were asked for");
        var bytes = new byte[code.Length];
        bytes.AsSpan().Fill(0xCC);
        encoded.Bytes.CopyTo(bytes, 0);
        var counted = at + room;
        var counter = region.AddressOf(data.Offset);
        if (CountedStub(counted, counter, encoded.Entries[0], SiteFacts.FlagsDead(redirect.Entry), bytes, room) is { } refusal) return refusal;
        var entry = new Entry(EntryType.Version, Unnumbered)
        {
            Kind = (byte)request.Kind,
            Parent = redirect.Id,
            Code = code,
            Data = data,
            Site = redirect.Site,
            Function = redirect.Function,
            Plain = encoded.Entries[0],
            Counted = counted,
            CreatedUnixMilliseconds = Now,
            Facts = (ulong)encoded.CodeBytes,
            Name = redirect.FunctionName,
            Text = request.Text,
        };
        if (encoded.Entries.Length < 2) return (entry, bytes);
        var full = counted + CountedStubBytes;
        if (CountedStub(full, counter, encoded.Entries[1], SiteFacts.FlagsDeadAtEntry(redirect.Entry), bytes, room + CountedStubBytes) is { } tooFar) return tooFar;
        return (entry with { FullPlain = encoded.Entries[1], FullCounted = full }, bytes);
    }

    private static Refusal? CountedStub(Address at, Address counter, Address next, bool flagsDead, byte[] into, ulong offset)
    {
        var outcome = StubAssembler.Assemble(at, c =>
        {
            c.Count(counter, flagsDead);
            c.jmp(next.Value);
        });
        if (!outcome.Try(out var bytes, out var why)) return why;
        bytes.CopyTo(into, (int)offset);
        return null;
    }

    private static Outcome<(Entry, byte[])> CallEntry(LiveRegion region, Redirect redirect, InstalledVersion version, CallSite call, Piece code, Piece data)
    {
        var at = region.AddressOf(code.Offset);
        if (!StubAssembler.Assemble(at, c => c.JumpThrough(region.AddressOf(data.Offset))).Try(out var bytes, out var why)) return why;
        return (new Entry(EntryType.Call, Unnumbered)
        {
            Parent = version.Id,
            Code = code,
            Data = data,
            Site = call.At,
            Function = redirect.Function,
            Plain = at,
            CreatedUnixMilliseconds = Now,
            Name = redirect.FunctionName,
        }, bytes);
    }

    private static Outcome<(Entry, byte[])> ProbeEntry(LiveRegion region, Redirect redirect, uint every, int capacity, Arm then, Address next, Piece code, Piece data)
    {
        var at = region.AddressOf(code.Offset);
        var arguments = redirect.Arguments;
        var plan = new ProbeCode.Plan(region.AddressOf(data.Offset), next, every, capacity, redirect.FlagsDead, redirect.StackDepth, arguments);
        if (!ProbeCode.Assemble(at, plan).Try(out var bytes, out var why)) return why;
        var known = Enumerable.Range(0, arguments.Length).Sum(i => arguments[i] == Iced.Intel.Register.None ? 0 : 1 << i);
        return (new Entry(EntryType.Probe, Unnumbered)
        {
            Parent = redirect.Id,
            Code = code,
            Data = data,
            Site = redirect.Site,
            Function = redirect.Function,
            Plain = at,
            CreatedUnixMilliseconds = Now,
            Facts = every | (ulong)(uint)capacity << 32,
            More = (ulong)(uint)known | then.Id << 8,
            Name = redirect.FunctionName,
        }, bytes);
    }

    private static Refusal? WhyNotExtensible(Redirect redirect)
    {
        if (redirect.Region.Status != RegionStatus.Usable) return WhyNotUsable(redirect);
        if (redirect.Placed.State != EntryState.Live) return Reasons.NotInForce.With($"redirection {redirect.Id} of {redirect.FunctionName}");
        return redirect.Region.Memory.MakeWritable().Try(out _, out var why) ? null : why;
    }
}
