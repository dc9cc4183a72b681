using KernOpt.Code.Graphs;
using KernOpt.Live.Regions;
using KernOpt.Live.Sites;
using KernOpt.Live.Stubs;
using KernOpt.Target;

namespace KernOpt.Live;

public sealed partial class LiveCode
{
    private const byte ShortJump = 0xEB;
    private const byte NearJump = 0xE9;
    private const byte NearCall = 0xE8;

    /// <summary>
    /// Leads a function through a switch that stands at the original. A function that is redirected already keeps its redirection.
    /// Refused with nothing changed: 5003, 5004, 5106, 5105, 5204, 5304, and what the target says.
    /// </summary>
    public Outcome<Redirect> RedirectFunction(FunctionGraph graph, PatchSite site)
    {
        if (graph.Function.Module.Location.HidesWays) return Reasons.HiddenWays.With($"{graph.Function}");
        lock (gate)
        {
            if (RedirectOf(graph.Function.Start) is { } existing) return Reuse(existing);
            return regions.InReachOf(graph.Function.Module.Location.Range, region => RedirectIn(region, site));
        }
    }

    /// <summary>
    /// A redirection that is there, for a new use. One whose maker was killed between the last store and its entry's being marked is complete. Refused (5004) when it is
    /// inherited. The session must have claimed the target.
    /// </summary>
    public static Outcome<Redirect> Reuse(Redirect existing)
    {
        if (existing.IsInherited) return WhyNotUsable(existing);
        if (existing.Placed.State == EntryState.Preparing) existing.Region.Mark(existing.Placed, EntryState.Live);
        return existing;
    }

    private Outcome<Redirect> RedirectIn(LiveRegion region, PatchSite site)
    {
        if (!region.TakeCode(RedirectCode.MostBytes).Try(out var code, out var why)) return why;
        if (!region.TakeData(RedirectCode.DataBytes).Try(out var data, out why))
        {
            region.GiveBack(code, default);
            return why;
        }
        var placed = RedirectCode.For(site, region.AddressOf(code.Offset), region.AddressOf(data.Offset)).Then(stubs => Place(region, site, stubs, code, data));
        if (!placed.Try(out var redirect, out why))
        {
            region.GiveBack(code, data);
            return why;
        }
        if (Lead(region, redirect, site) is { } refusal)
        {
            region.Remove(redirect);
            return refusal;
        }
        region.Mark(redirect, EntryState.Live);
        return new Redirect(this, region, redirect);
    }

    /// <summary>The entry, then everything that the site will lead to.</summary>
    private Outcome<PlacedEntry> Place(LiveRegion region, PatchSite site, RedirectCode stubs, Piece code, Piece data)
    {
        var entry = new Entry(EntryType.Redirect, regions.NextId(region))
        {
            Kind = (byte)site.Form,
            Code = code,
            Data = data,
            Site = site.At,
            Function = site.Function.Range,
            Plain = stubs.Original,
            Counted = stubs.Counted,
            FullPlain = stubs.Trampoline,
            CreatedUnixMilliseconds = Now,
            Facts = SiteFacts.Facts(site),
            More = SiteFacts.More(site),
            Name = site.Function.StableName,
            Text = site.Function.DisplayName,
        };
        var added = region.Add(entry);
        if (!added.IsDone) return added;
        region.Memory.Write(data.Offset, new byte[data.Length]);
        region.Memory.Store(data.Offset + RedirectCode.SwitchAt, stubs.Original.Value);
        region.Memory.Write(code.Offset, stubs.Bytes);
        return added;
    }

    private Refusal? Lead(LiveRegion region, PlacedEntry redirect, PatchSite site)
    {
        var trampoline = redirect.Entry.FullPlain;
        var (lead, padding) = site.Springboard is { } between
            ? (new NewText(site.At, Short(site.At, between)), [new NewText(between, Near(NearJump, between, trampoline, PatchSites.JumpBytes))])
            : (new NewText(site.At, Near(NearJump, site.At, trampoline, PatchSites.JumpBytes)), Array.Empty<NewText>());
        var refused = Lead(region, ChangeKind.Entry, redirect.Entry.Id, padding, lead);
        unpatched.Invalidate();
        return refused;
    }

    /// <summary>What one store puts where.</summary>
    private readonly record struct NewText(Address At, byte[] Bytes);

    /// <summary>Changes the text: padding, which nobody executes yet, in this order, and then the place that control leaves. Undoes the former when one is refused.</summary>
    private Refusal? Lead(LiveRegion region, ChangeKind kind, ulong owner, IEnumerable<NewText> padding, NewText lead)
    {
        var made = new Stack<LoggedChange>();
        foreach (var (at, bytes) in padding)
        {
            if (!changes.Make(region, ChangeKind.Springboard, at, bytes, owner).Try(out var change, out var why)) return TakenBack(why);
            made.Push(change);
        }
        return changes.Make(region, kind, lead.At, lead.Bytes, owner).Try(out _, out var refused) ? null : TakenBack(refused);

        Refusal TakenBack(Refusal why)
        {
            foreach (var change in made)
            {
                if (changes.Undo(region, change, marks: true).IsDone) region.Free(change);
            }
            return why;
        }
    }

    private static byte[] Short(Address at, Address to) => [ShortJump, (byte)(to - (at + PatchSites.ShortJumpBytes))];

    /// <summary>A jump or call with a 32-bit displacement; the region was mapped in reach.</summary>
    private static byte[] Near(byte opcode, Address at, Address to, int length)
    {
        var bytes = new byte[length];
        bytes[0] = opcode;
        BitConverter.TryWriteBytes(bytes.AsSpan(1), checked((int)(to - (at + 5))));
        return bytes;
    }

    private static long Now => TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
}
