using System.Collections.Frozen;
using System.Globalization;
using System.Runtime.InteropServices;
using KernOpt.Kernel.Driver;
using KernOpt.Kernel.Images;
using KernOpt.Linux.Native;
using KernOpt.Linux.Regions;
using KernOpt.Target;

namespace KernOpt.Kernel;

/// <summary>
/// The kernel that runs this machine, by way of /dev/kernopt (KernOpt.Driver): its own text as the module "vmlinux", and that of each loaded module. One store is the kernel's own
/// protocol for changing text (text_poke_bp): whoever comes while it is written does what the old or the new instruction does.
/// </summary>
public sealed partial class KernelTarget : ITarget
{
    private const string Core = "vmlinux";

    private readonly DriverFile driver;
    private readonly DriverInfo info;
    private readonly Lock gate = new();
    private readonly Dictionary<(string Name, AddressRange Text), TargetModule> modules = [];
    private readonly Dictionary<Address, SharedRegion> regions = [];
    private readonly IReadOnlyList<(KernelTable Kind, AddressRange Range)> coreTables;
    private IReadOnlyDictionary<AddressRange, IReadOnlyList<KernelSymbol>> symbols;
    private IReadOnlyList<ModuleText> loaded = [];
    private (IReadOnlyList<ModuleText> Of, ReservedText Text)? reserved;

    private KernelTarget(DriverFile driver, IReadOnlyList<string> names)
    {
        this.driver = driver;
        info = driver.Info;
        coreTables = CoreTablesOf(names);
        symbols = SymbolsOf(names, []);
    }

    public string Name => $"kernel {Release}";

    /// <summary>The release and the time of boot: another boot has its text elsewhere.</summary>
    public string Identity => $"kernel:{Release}:{info.Boot}";

    public TargetState State => TargetState.Alive;

    private static string Release => TryRead("/proc/sys/kernel/osrelease")?.Trim() ?? "";

    /// <summary>Refused: 4601 without the driver, 4602 without permission, 4603 for another version of it, 4604 where the kernel hides its addresses.</summary>
    public static Outcome<KernelTarget> Open()
    {
        if (!DriverFile.Open().Try(out var driver, out var why)) return why;
        var target = new KernelTarget(driver, File.ReadAllLines(KernelSymbols.Place));
        var lacking = target.symbols[target.CoreText].Count == 0 ? "functions" : target.coreTables.Count < KernelTables.All.Count ? "tables of static keys, static calls and faults" : null;
        if (lacking is null) return target;
        target.Dispose();
        return Reasons.KernelAddressesHidden.With($"{KernelSymbols.Place} has no {lacking}");
    }

    /// <summary>The right to change the kernel, until disposed or until this process ends in whatever way. Refused (4011) when another one holds it.</summary>
    public Outcome<IDisposable> TryLockForChange()
    {
        var answer = driver.Call(DriverCalls.Claim);
        return answer switch
        {
            >= 0 => new Released(),
            -Errno.Busy => Reasons.TargetBusy.With(Name),
            _ => Reasons.KernelCallFailed.With(Errno.Describe(answer)),
        };
    }

    public TargetMap ReadMap()
    {
        lock (gate)
        {
            var texts = Loaded();
            foreach (var gone in modules.Keys.Except(texts.Select(t => (t.Name, t.Text))).ToList()) modules.Remove(gone);
            var all = texts.Select(Module).OrderBy(m => m.Range.Start).ToList();
            return new TargetMap([.. all.SelectMany(m => m.Mappings)], all);
        }
    }

    public unsafe int Read(Address from, Span<byte> into)
    {
        const int most = 1 << 20;
        var done = 0;
        fixed (byte* bytes = into)
        {
            while (done < into.Length)
            {
                var request = new ReadRequest { From = from.Value + (ulong)done, Into = (ulong)bytes + (ulong)done, Length = (uint)Math.Min(most, into.Length - done) };
                if (driver.Call(DriverCalls.ReadMemory, ref request) < 0) break;
                done += (int)request.Done;
                if (request.Done < request.Length) break;
            }
        }
        return done;
    }

    public Outcome<Done> StoreText(Address at, ReadOnlySpan<byte> expected, ReadOnlySpan<byte> replacement)
    {
        if (!CanStoreAtOnce(at, expected.Length) || expected.Length != replacement.Length) return Reasons.NotOneStore.With($"{expected.Length} bytes at {at}");
        var request = new PokeRequest { At = at.Value, Length = (uint)expected.Length };
        expected.CopyTo(request.Expected);
        replacement.CopyTo(request.Replacement);
        var answer = driver.Call(DriverCalls.Poke, ref request);
        if (answer >= 0) return Done.It;
        if (request.Why == DriverRefusal.None) return Reasons.StoreFailed.With($"{at}: {Errno.Describe(answer)}");
        return Explain(request.Why, at);
    }

    /// <summary>The protocol stores one byte, int3, before it writes the others: lines of the cache do not matter to it.</summary>
    public bool CanStoreAtOnce(Address at, int length) => length is >= 1 and <= 16;

    public bool IsReserved(AddressRange text) => Reserved().Overlaps(text);

    public IReadOnlyList<AddressRange> ReadFreeSpace(ulong regionBytes) => [];

    public Outcome<IStoneFile> MakeStones(ReadOnlySpan<byte> pages, int places) => Reasons.NotForKernel.With("pages at addresses of choice");

    public Outcome<IReadOnlyList<AddressRange>> FindStones(ulong file) => Array.Empty<AddressRange>();

    public Outcome<Done> UnmapStones(ulong file) => Done.It;

    public unsafe Outcome<Quiescence> ProveQuiescent(IReadOnlyList<AddressRange> ranges)
    {
        var merged = Merged(ranges);
        if (merged.Length == 0) return new Quiescence(true, "no range", 0, 0);
        fixed (ulong* words = merged)
        {
            var request = new QuietRequest { Ranges = (ulong)words, Count = (uint)(merged.Length / 2) };
            var answer = driver.Call(DriverCalls.Quiet, ref request);
            if (answer < 0) return Reasons.KernelCallFailed.With(Errno.Describe(answer));
            var evidence = request.Quiet != 0 ? $"{request.Threads} threads and all idle loops outside; nothing on their stacks leads back"
                : request.Word != 0 ? $"the stack of thread {request.Thread} has {new Address(request.Word)}" : $"thread {request.Thread} could not be seen";
            return new Quiescence(request.Quiet != 0, evidence, (int)request.Threads, 0);
        }
    }

    public Outcome<ISampler> StartSampling(SamplingRequest request) => Reasons.NotForKernel.With("sampling");

    public Outcome<Address> ReadThreadPointer() => Reasons.NotForKernel.With("a thread pointer");

    public Outcome<int> FindThreadNumberOffset() => Reasons.ThreadNumberNotFound.With("code of the kernel");

    public IReadOnlyList<int> ReadThreadNumbers() => [];

    public ulong ReadTimeStamp() => TimeStampCounter.Read();

    /// <summary>Of the whole machine since it started, idle time left out: /proc/stat.</summary>
    public TimeSpan CpuTime
    {
        get
        {
            const int idle = 3, ioWait = 4, hundredths = 100;
            var fields = TryRead("/proc/stat")?.Split('\n')[0].Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).ToArray() ?? [];
            var ticks = fields.Where((f, i) => i is not (idle or ioWait)).Sum(f => long.TryParse(f, CultureInfo.InvariantCulture, out var t) ? t : 0);
            return TimeSpan.FromSeconds((double)ticks / hundredths);
        }
    }

    /// <summary>No thread of the kernel is ever held.</summary>
    public TimeSpan LongestHold => TimeSpan.Zero;

    public void Dispose()
    {
        lock (gate)
        {
            foreach (var region in regions.Values) region.Dispose();
            regions.Clear();
        }
        driver.Dispose();
    }

    /// <summary>The same list as before, where no module has come or gone.</summary>
    private IReadOnlyList<ModuleText> Loaded()
    {
        List<ModuleText> now = [.. KernelModules.Read().Prepend(new ModuleText(Core, CoreText, coreTables))];
        if (!now.Select(m => (m.Name, m.Text)).SequenceEqual(loaded.Select(m => (m.Name, m.Text)))) loaded = now;
        return loaded;
    }

    private AddressRange CoreText => AddressRange.Between(new Address(info.Text), new Address(info.TextEnd));

    /// <summary>Start and end of each, ascending, those that touch made one.</summary>
    private static ulong[] Merged(IReadOnlyList<AddressRange> ranges)
    {
        var merged = new List<ulong>();
        foreach (var range in ranges.Where(r => r.Length > 0).OrderBy(r => r.Start))
        {
            if (merged.Count > 0 && range.Start.Value <= merged[^1]) merged[^1] = Math.Max(merged[^1], range.End.Value);
            else merged.AddRange([range.Start.Value, range.End.Value]);
        }
        return [.. merged];
    }

    private static Refusal Explain(DriverRefusal why, Address at) => why switch
    {
        DriverRefusal.Changed => Reasons.TextDiffers.With($"{at}"),
        DriverRefusal.Shape => Reasons.NotOneStore.With($"{at}: the kernel changes text to jumps and calls, and back"),
        DriverRefusal.NotText or DriverRefusal.Target => Reasons.StoreFailed.With($"{at}: {why}"),
        _ => Reasons.TextReserved.With($"{at}: {why}"),
    };

    private static string? TryRead(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private TargetModule Module(ModuleText text)
    {
        if (modules.TryGetValue((text.Name, text.Text), out var known)) return known;
        var mapping = new Mapping(text.Text, Protection.Read | Protection.Execute, KernelElf.TextAt, text.Name, true, info.Boot, text.Text.Start.Value);
        return modules[(text.Name, text.Text)] = new TargetModule(text.Name, text.Name, new Address(text.Text.Start.Value - KernelElf.TextAt), text.Text, [mapping], text.Name == Core,
            () => FileOf(text.Text), _ => null) { HiddenExits = HiddenExitsOf(text), HidesWays = true };
    }

    private FrozenSet<Address> HiddenExitsOf(ModuleText module) => EntriesOf(module).Where(e => e.Kind.IsHiddenExit).Select(e => e.At).ToFrozenSet();

    private IEnumerable<(KernelTable Kind, Address At)> EntriesOf(ModuleText module)
    {
        foreach (var (kind, range) in module.Tables)
        {
            var table = new byte[range.Length];
            var length = Read(range.Start, table);
            foreach (var at in KernelTables.Instructions(table.AsMemory(0, length), range.Start, kind.EntryBytes, module.Text)) yield return (kind, at);
        }
    }

    /// <summary>Of the modules that were there when the map was last read.</summary>
    private ReservedText Reserved()
    {
        lock (gate)
        {
            if (reserved is { } known && known.Of == loaded) return known.Text;
            var tables = loaded.SelectMany(t => EntriesOf(t).Select(e => new AddressRange(e.At, e.Kind.TextBytes)));
            var text = new ReservedText([.. tables, .. loaded.SelectMany(t => EntryNopsOf(t.Text)), .. ReservedText.Blacklisted()]);
            reserved = (loaded, text);
            return text;
        }
    }

    private IEnumerable<AddressRange> EntryNopsOf(AddressRange text)
    {
        var bytes = new byte[text.Length];
        return Read(text.Start, bytes) < bytes.Length ? [] : ReservedText.EntryNops(bytes, text.Start, SymbolsOf(text).Select(s => s.Start).Distinct());
    }

    private static IReadOnlyList<(KernelTable Kind, AddressRange Range)> CoreTablesOf(IReadOnlyList<string> names)
    {
        var places = KernelSymbols.Named(names, KernelTables.All.SelectMany(t => new[] { t.Start, t.End }).ToHashSet());
        return [.. KernelTables.All.Where(t => places.ContainsKey(t.Start) && places.ContainsKey(t.End)).Select(t => (t, AddressRange.Between(places[t.Start], places[t.End])))];
    }

    private Outcome<byte[]> FileOf(AddressRange text)
    {
        var bytes = new byte[text.Length];
        if (Read(text.Start, bytes) < bytes.Length) return Reasons.ModuleUnreadable.With($"{text}");
        foreach (var change in Changes().Where(c => text.Contains(new Address(c.At)))) ((ReadOnlySpan<byte>)change.Original)[..(int)change.Length].CopyTo(bytes.AsSpan((int)(change.At - text.Start.Value)));
        return KernelElf.Write(bytes, [.. SymbolsOf(text).Select(s => (s.Name, s.Start.Value - text.Start.Value, s.Size, s.IsGlobal))]);
    }

    /// <summary>What is changed by whatever kernopt: the text as it was before is the driver's to know.</summary>
    private IEnumerable<ChangeRecord> Changes()
    {
        for (var record = new ChangeRecord(); driver.Call(DriverCalls.Change, ref record) >= 0; record.Index++) yield return record;
    }

    /// <summary>All modules' at once, since reading them takes a third of a second: kept until text is asked for that was not there then.</summary>
    private IReadOnlyList<KernelSymbol> SymbolsOf(AddressRange text)
    {
        lock (gate)
        {
            if (!symbols.ContainsKey(text)) symbols = SymbolsOf(File.ReadLines(KernelSymbols.Place), [text]);
            return symbols[text];
        }
    }

    private Dictionary<AddressRange, IReadOnlyList<KernelSymbol>> SymbolsOf(IEnumerable<string> names, IReadOnlyList<AddressRange> more)
    {
        List<AddressRange> all = [.. KernelModules.Read().Select(m => m.Text).Prepend(CoreText).Union(more)];
        return all.Zip(KernelSymbols.Of(names, all)).ToDictionary();
    }

    /// <summary>The driver gives the right back when its file is closed.</summary>
    private sealed class Released : IDisposable
    {
        public void Dispose()
        {
        }
    }
}
