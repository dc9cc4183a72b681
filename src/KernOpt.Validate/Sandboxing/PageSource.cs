using System.Collections.Immutable;
using KernOpt.Target;

namespace KernOpt.Validate.Sandboxing;

/// <summary>
/// What a page of the sandbox holds at the start: code pages are int3 but for the code under test, the sandbox's stack and scratch are random,
/// everything else is the target's memory as it was when first asked for, overlaid by what will lie there.
/// </summary>
internal sealed class PageSource
{
    /// <summary>int3: what a code page holds where nothing under test lies, so that leaving the code stops.</summary>
    public const byte Breakpoint = 0xcc;

    private readonly ValidationRequest request;
    private readonly SandboxLayout layout;
    private readonly Dictionary<ulong, byte[]> codePages = [];

    private PageSource(ValidationRequest request, SandboxLayout layout)
    {
        this.request = request;
        this.layout = layout;
    }

    /// <summary>Pages that hold code under test, by address. Executable and never writable.</summary>
    public IReadOnlyDictionary<ulong, byte[]> CodePages => codePages;

    public static Outcome<PageSource> Create(ValidationRequest request, SandboxLayout layout)
    {
        var source = new PageSource(request, layout);
        foreach (var range in request.Original.Code.Concat(request.Original.Data.Where(d => source.SharesPage(d))))
        {
            var bytes = new byte[range.Length];
            if (request.Read(range.Start, bytes) != bytes.Length) return Reasons.OriginalUnreadable.With($"{range}");
            source.Place(range.Start.Value, bytes);
        }
        foreach (var extra in request.Extra.Where(e => e.IsCode)) source.Place(extra.At.Value, extra.Bytes.AsSpan());
        source.Place(request.Version.Code.At.Value, request.Version.Code.Bytes);
        foreach (var extra in request.Extra.Where(e => !e.IsCode && source.SharesPage(e.Range))) source.Place(extra.At.Value, extra.Bytes.AsSpan());
        return source;
    }

    /// <summary>The content of a page that is not code, or null where the target has nothing that may be read.</summary>
    public byte[]? Read(ulong page, out bool mayWrite)
    {
        var content = new byte[SandboxLayout.PageSize];
        mayWrite = true;
        if (layout.IsStack(page) || layout.IsScratch(page))
        {
            FillOwn(page, content);
            return content;
        }
        var mapping = request.Map.At(new Address(page));
        var isThere = mapping is not null && mapping.Protection.HasFlag(Protection.Read) && request.Read(new Address(page), content) == content.Length;
        var isOverlaid = Overlay(page, content);
        mayWrite = isThere ? mapping!.Protection.HasFlag(Protection.Write) : isOverlaid;
        return isThere || isOverlaid ? content : null;
    }

    /// <summary>Whether a store there is an ordinary thing to happen: into memory that the target or the sandbox may write.</summary>
    public bool MayWrite(ulong address)
    {
        if (layout.IsStack(address) || layout.IsScratch(address)) return true;
        if (codePages.ContainsKey(address & ~(SandboxLayout.PageSize - 1))) return false;
        return request.Map.At(new Address(address)) is { } mapping && mapping.Protection.HasFlag(Protection.Write) && mapping.Protection.HasFlag(Protection.Read);
    }

    private bool SharesPage(AddressRange range)
    {
        for (var page = range.Start.AlignDown(SandboxLayout.PageSize); page < range.End; page += SandboxLayout.PageSize)
        {
            if (codePages.ContainsKey(page.Value)) return true;
        }
        return false;
    }

    private void Place(ulong at, ReadOnlySpan<byte> bytes)
    {
        for (var done = 0; done < bytes.Length;)
        {
            var address = at + (ulong)done;
            var page = address & ~(SandboxLayout.PageSize - 1);
            if (!codePages.TryGetValue(page, out var content))
            {
                content = new byte[SandboxLayout.PageSize];
                content.AsSpan().Fill(Breakpoint);
                codePages.Add(page, content);
            }
            var offset = (int)(address - page);
            var length = Math.Min(bytes.Length - done, content.Length - offset);
            bytes.Slice(done, length).CopyTo(content.AsSpan(offset));
            done += length;
        }
    }

    private bool Overlay(ulong page, byte[] content)
    {
        var any = false;
        foreach (var extra in request.Extra)
        {
            var start = Math.Max(extra.At.Value, page);
            var end = Math.Min(extra.Range.End.Value, page + SandboxLayout.PageSize);
            if (start >= end) continue;
            extra.Bytes.AsSpan((int)(start - extra.At.Value), (int)(end - start)).CopyTo(content.AsSpan((int)(start - page)));
            any = true;
        }
        return any;
    }

    /// <summary>Half small numbers and pointers into the scratch area, half noise: what looks like data to code that is given it.</summary>
    private void FillOwn(ulong page, byte[] content)
    {
        var random = new Running.DeterministicRandom(Running.DeterministicRandom.Mix(request.RandomSeed, page - layout.Base));
        for (var i = 0; i < content.Length; i += 8)
        {
            var word = random.Below(8) switch
            {
                0 or 1 => (ulong)random.Below(64),
                2 => layout.Scratch + (ulong)random.Below((int)SandboxLayout.ScratchBytes / 8) * 8,
                3 => 0UL,
                _ => random.Next(),
            };
            BitConverter.TryWriteBytes(content.AsSpan(i), word);
        }
    }
}
