using System.Collections.Immutable;
using KernOpt.Binary;
using KernOpt.Code.Images;
using KernOpt.Target;

namespace KernOpt.Tests.Code.Bodies;

/// <summary>A program file as if loaded at a place of our choice, or where it really is loaded in this process; read from the file or from memory.</summary>
internal static unsafe class LoadedFile
{
    public static ProgramImage At(string path, Address bias) => Read(path, bias, null);

    /// <summary>The file is loaded into this process with that bias.</summary>
    public static ProgramImage InThisProcess(string path, Address bias) => Read(path, bias, (from, into) =>
    {
        new ReadOnlySpan<byte>((void*)from.Value, into.Length).CopyTo(into);
        return into.Length;
    });

    private static ProgramImage Read(string path, Address bias, MemoryReader? live)
    {
        var bytes = File.ReadAllBytes(path);
        var loads = ElfImage.Read(bytes).Value.Segments.Where(s => s.Kind == SegmentKind.Load).ToList();
        var mappings = loads.Select(s => MappingOf(s, path, bias)).ToImmutableArray();
        var range = AddressRange.Between(mappings[0].Range.Start, mappings[^1].Range.End);
        var module = new TargetModule(Path.GetFileName(path), path, bias, range, mappings, true, () => bytes, _ => null);
        return ProgramImage.Read(() => new TargetMap(mappings, [module]), (from, into) =>
        {
            foreach (var load in loads)
            {
                var start = bias + load.Range.Start.Value;
                var bytesThere = live is null ? load.FileBytes : load.Range.Length;
                if (!new AddressRange(start, bytesThere).Contains(from)) continue;
                var count = (int)Math.Min((ulong)into.Length, bytesThere - (ulong)(from - start));
                if (live is not null) return live(from, into[..count]);
                bytes.AsSpan((int)(load.FileOffset + (ulong)(from - start)), count).CopyTo(into);
                return count;
            }
            return 0;
        }).Value;
    }

    private static Mapping MappingOf(Segment segment, string path, Address bias)
    {
        var start = (bias + segment.Range.Start.Value).AlignDown(4096);
        var end = (bias + segment.Range.Start.Value + segment.Range.Length).AlignUp(4096);
        var protection = (segment.Access.HasFlag(SegmentAccess.Read) ? Protection.Read : 0) | (segment.Access.HasFlag(SegmentAccess.Write) ? Protection.Write : 0)
            | (segment.Access.HasFlag(SegmentAccess.Execute) ? Protection.Execute : 0);
        return new Mapping(AddressRange.Between(start, end), protection, segment.FileOffset, path, true, 1, 1);
    }
}
