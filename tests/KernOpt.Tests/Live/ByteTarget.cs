using System.Diagnostics;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using KernOpt.Code.Images;
using KernOpt.Target;

namespace KernOpt.Tests.Live;

/// <summary>The writer was ended here.</summary>
internal sealed class KilledException : Exception;

/// <summary>
/// A target of one module whose text is an array. It has no threads, so everything is quiescent unless a test says otherwise. Steps counts what changes
/// memory or text; at step KillAt the writer is ended by an exception.
/// </summary>
internal sealed class ByteTarget : ITarget, ICodeSource
{
    private readonly Address textStart;
    private readonly byte[] file;
    private readonly Mapping mapping;
    private readonly TargetModule module;

    public ByteTarget(Address textStart, byte[] file, params (ulong Offset, ulong Size)[] functions)
        : this(textStart, file, functions, hidesWays: false)
    {
    }

    public ByteTarget(Address textStart, byte[] file, (ulong Offset, ulong Size)[] functions, bool hidesWays)
    {
        this.textStart = textStart;
        this.file = file;
        Text = [.. file];
        mapping = new Mapping(new AddressRange(textStart, (ulong)file.Length), Protection.Read | Protection.Execute, 0, "/bin/array", true, 7, 42);
        module = new TargetModule("array", "/bin/array", textStart, mapping.Range, [mapping], true, () => file, _ => null) { HidesWays = hidesWays };
        var owner = new ModuleImage(module, []);
        Image = new ModuleImage(module, [.. functions.Select(f => new Function(owner, textStart + f.Offset, f.Size, [], FunctionOrigin.SymbolTable))]);
        Image = new ModuleImage(module, [.. Image.Functions.Select(f => f with { Module = Image })]);
    }

    public Outcome<int> FindThreadNumberOffset() => Reasons.ThreadNumberNotFound.With("it has no threads");

    public IReadOnlyList<int> ReadThreadNumbers() => [];

    public ulong ReadTimeStamp() => (ulong)Stopwatch.GetTimestamp();

    public Outcome<IDisposable> TryLockForChange() => new Claim();

    public Outcome<Address> ReadThreadPointer() => Reasons.NoThreadToBorrow.With("it has no threads");

    public byte[] Text { get; }
    public ModuleImage Image { get; }
    public List<ByteRegion> Regions { get; private init; } = [];
    public int Steps { get; private set; }
    public int KillAt { get; set; } = int.MaxValue;
    /// <summary>No store is made there.</summary>
    public Address? RefusedStore { get; set; }
    public bool IsQuiescent { get; set; } = true;
    public string Identity { get; init; } = "array:1";
    public ulong Inode { get; set; } = 42;
    public List<(Address At, byte[] Bytes)> Stores { get; } = [];
    public bool TextIsTheFiles => Text.AsSpan().SequenceEqual(file);

    public string Name => "array";
    public TargetState State => TargetState.Alive;
    public TimeSpan CpuTime => TimeSpan.Zero;
    public TimeSpan LongestHold => TimeSpan.Zero;

    /// <summary>A forked child: its own copy of the text, the same regions.</summary>
    public ByteTarget Fork()
    {
        var child = new ByteTarget(textStart, file, [.. Image.Functions.Select(f => ((ulong)(f.Start - textStart), f.Size))]) { Identity = "array:2", Regions = Regions };
        Text.CopyTo(child.Text, 0);
        return child;
    }

    public TargetMap ReadMap()
    {
        var now = mapping with { Inode = Inode };
        return new TargetMap([now], [module with { Mappings = [now] }]);
    }

    public int Read(Address from, Span<byte> into)
    {
        if (!mapping.Range.Contains(from)) return 0;
        var available = Text.AsSpan((int)(from - textStart));
        var length = Math.Min(available.Length, into.Length);
        available[..length].CopyTo(into);
        return length;
    }

    public Outcome<Done> StoreText(Address at, ReadOnlySpan<byte> expected, ReadOnlySpan<byte> replacement)
    {
        var place = Text.AsSpan((int)(at - textStart), expected.Length);
        if (!place.SequenceEqual(expected) || at == RefusedStore) return Reasons.TextDiffers.With($"{at}");
        Step(() => { });
        replacement.CopyTo(place);
        Stores.Add((at, replacement.ToArray()));
        return Done.It;
    }

    public bool CanStoreAtOnce(Address at, int length) => at.Value % 64 + (ulong)length <= 64;

    public Outcome<IRegion> MapRegion(RegionRequest request)
    {
        Step(() => { });
        var start = textStart + 0x1000_0000UL + (ulong)Regions.Count * 0x1000_0000UL;
        var region = new ByteRegion(new AddressRange(start, request.DataBytes + request.CodeBytes), request.DataBytes, Step);
        Regions.Add(region);
        return region;
    }

    public Outcome<IReadOnlyList<IRegion>> FindRegions() => Regions.ToArray();

    public Outcome<Done> UnmapRegion(IRegion region)
    {
        Step(() => { });
        Regions.Remove((ByteRegion)region);
        return Done.It;
    }

    public Outcome<Quiescence> ProveQuiescent(IReadOnlyList<AddressRange> ranges)
    {
        Proved.AddRange(ranges);
        return new Quiescence(IsQuiescent, "said by the test", 0, 0);
    }

    /// <summary>All ranges of which proof was asked.</summary>
    public List<AddressRange> Proved { get; } = [];

    /// <summary>Where pages may be mapped; nowhere unless a test says so.</summary>
    public List<AddressRange> Free { get; } = [];

    /// <summary>Pages that are mapped: the file, and what they hold.</summary>
    public SortedDictionary<Address, (ulong File, byte[] Bytes)> Stones { get; } = [];

    public IReadOnlyList<AddressRange> ReadFreeSpace(ulong regionBytes) => Free;

    public Outcome<IStoneFile> MakeStones(ReadOnlySpan<byte> pages, int places)
    {
        Step(() => { });
        return new ByteStones(this, ++files, pages.ToArray());
    }

    public Outcome<IReadOnlyList<AddressRange>> FindStones(ulong file) =>
        Stones.Where(s => s.Value.File == file).Select(s => new AddressRange(s.Key, 4096)).ToArray();

    public Outcome<Done> UnmapStones(ulong file)
    {
        foreach (var page in FindStones(file).Value)
        {
            Step(() => { });
            Stones.Remove(page.Start);
        }
        return Done.It;
    }

    private ulong files;

    private sealed class ByteStones(ByteTarget target, ulong number, byte[] pages) : IStoneFile
    {
        public ulong Number => number;

        public IReadOnlyList<Outcome<Done>> Map(IReadOnlyList<(Address At, int Page)> places) => [.. places.Select(p => Map(p.At, p.Page))];

        private Outcome<Done> Map(Address at, int page)
        {
            target.Step(() => { });
            if (target.Stones.ContainsKey(at) || !target.Free.Exists(f => f.Contains(new AddressRange(at, 4096)))) return Reasons.NoGapInReach.With($"{at}");
            target.Stones[at] = (number, pages[(page * 4096)..((page + 1) * 4096)]);
            return Done.It;
        }

        public void Dispose()
        {
        }
    }

    /// <summary>Where a test needs samples, what makes them.</summary>
    public Func<ScriptedSampler>? Sampler { get; set; }

    public Outcome<ISampler> StartSampling(SamplingRequest request) => (Sampler ?? throw new NotSupportedException())();

    public bool IsExecutable(Address address) => mapping.Range.Contains(address);

    public bool IsConstantData(AddressRange range) => false;

    public Function? FunctionAt(Address address) => Image.FunctionAt(address);

    public bool TryGetImport(Address stub, [MaybeNullWhen(false)] out string name)
    {
        name = null;
        return false;
    }

    public bool TryGetImportSlot(Address slot, [MaybeNullWhen(false)] out string name)
    {
        name = null;
        return false;
    }

    public void Dispose()
    {
    }

    private void Step(Action half)
    {
        if (++Steps < KillAt) return;
        half();
        throw new KilledException();
    }

    private sealed class Claim : IDisposable
    {
        public void Dispose()
        {
        }
    }
}
